'use strict'

// Editor is a field of text over a picture of the same text, which shows what the field cannot:
// colours, mistakes, and what belongs to the instruction that is pointed at.
class Editor {
  constructor(area, view, problems, changed) {
    this.area = area
    this.view = view
    this.list = problems
    this.spans = []
    area.addEventListener('input', () => { this.forget(); this.draw(); changed() })
    area.addEventListener('mousemove', event => this.light(offsetAt(event)))
    area.addEventListener('mouseleave', () => view.lights.show(null))
    area.addEventListener('keydown', event => { if (event.key === 'Escape') area.blur() })
    document.addEventListener('selectionchange', () => {
      if (document.activeElement === area) this.light(area.selectionStart)
    })
  }

  get text() { return this.area.value }

  set text(text) { this.area.value = text; this.forget(); this.draw() }

  forget() { this.spans = []; this.problems = [] }

  // show takes what the compiler found in the text that is there.
  show(spans, problems = []) {
    const char = characterOffsets(this.text)
    this.spans = spans
    this.problems = problems.map(p => ({ ...p, start: char(p.start), end: char(p.end) }))
    this.draw()
    this.list.replaceChildren(...this.problems.map(p => this.problem(p)))
  }

  draw() {
    const marks = (this.problems ?? []).filter(p => p.end > 0 || p.start > 0).map(p => {
      const end = Math.min(Math.max(p.end, p.start + 1), this.text.length)
      return { start: Math.min(p.start, end - 1), end, class: p.warning ? 'warned' : 'wrong' }
    })
    this.view.show(this.text, this.spans, { marks, focusable: false })
  }

  problem(p) {
    const [first, ...rest] = p.text.trimEnd().split('\n')
    return element('pre', {
      class: p.warning ? 'warning' : '', click: () => {
        this.area.focus()
        this.area.setSelectionRange(p.start, p.end)
      },
    }, element('b', {}, first), rest.length ? '\n' + rest.join('\n') : '')
  }

  light(offset) {
    const span = offset === undefined ? null : this.view.at(offset, offset + 1)
    this.view.lights.show(span)
  }
}

// offsetAt is where in the text the mouse is, where the browser tells.
function offsetAt({ clientX, clientY, target }) {
  const at = document.caretPositionFromPoint?.(clientX, clientY)
  return at?.offsetNode === target ? at.offset : undefined
}
