'use strict'

// within: a span is a part of another, or the same.
const within = (inner, outer) => inner.source === outer.source &&
  outer.start <= inner.start && inner.end <= outer.end

const sameSpan = (a, b) => a.source === b.source && a.start === b.start && a.end === b.end

const written = span => span && span.end > span.start

// Lights connects what belongs to the same part of the script. Lit is what has the span itself;
// a fainter light have those that have a part of it.
class Lights {
  constructor() { this.items = []; this.pinned = null }

  // add takes what a node is of, and what it shows when it is pointed at.
  add(node, own, kind, shows = own) {
    if (!written(shows)) return
    this.items.push({ node, own, kind })
    node.addEventListener('mouseenter', () => this.show(shows))
    node.addEventListener('mouseleave', () => this.show(this.pinned))
    node.addEventListener('focus', () => this.show(shows))
  }

  // remove forgets elements that are shown no more.
  remove(kind) { this.items = this.items.filter(item => item.kind !== kind) }

  pin(span) {
    this.pinned = this.pinned && span && sameSpan(span, this.pinned) ? null : span
    this.show(this.pinned)
  }

  show(span) {
    for (const { node, own, kind } of this.items) {
      const same = span !== null && sameSpan(own, span)
      const inside = span !== null && !same && within(own, span)
      node.classList.toggle('lit', same || inside && kind === 'source')
      node.classList.toggle('lit-inner', inside && kind !== 'source')
    }
  }

  // scroll brings the first of what is lit into sight.
  scroll(kind) {
    this.items.find(item => item.kind === kind && item.node.classList.contains('lit'))
      ?.node.scrollIntoView({ block: 'nearest' })
  }
}

// SourceView shows a text cut at the ends of all spans, so that each piece belongs to the
// smallest span around it.
class SourceView {
  constructor(pre, lights) { this.pre = pre; this.lights = lights; this.parts = [] }

  // show takes the text, the number of the source, the spans and what a click on one does.
  show(text, number, spans, chosen) {
    this.lights.remove('source')
    this.parts = []
    const char = characterOffsets(text)
    const own = spans.filter(span => written(span) && span.source === number)
    const cuts = [...new Set([0, ...own.flatMap(s => [s.start, s.end])])].sort((a, b) => a - b)
    const nodes = cuts.map((start, i) => {
      const end = cuts[i + 1] ?? Infinity
      const piece = text.slice(char(start), end === Infinity ? undefined : char(end))
      const span = smallest(own, start, end)
      return span ? this.part(piece, span, { source: number, start, end }, chosen) : piece
    })
    this.pre.replaceChildren(...nodes)
  }

  part(piece, span, own, chosen) {
    const node = element('span', {
      class: 'part', tabindex: piece.trim() ? 0 : undefined,
      click: () => { this.lights.pin(span); chosen(span) },
      keydown: event => {
        if (event.key === 'Enter') { this.lights.pin(span); chosen(span) }
      },
    }, piece)
    this.lights.add(node, own, 'source', span)
    this.parts.push({ node, own })
    return node
  }

  // now marks what the instruction in hand belongs to.
  now(span) {
    for (const { node, own } of this.parts) node.classList.toggle('now', written(span) && within(own, span))
  }
}

function smallest(spans, start, end) {
  let best = null
  for (const span of spans) {
    if (span.start <= start && end <= span.end &&
      (!best || span.end - span.start < best.end - best.start)) best = span
  }
  return best
}

// Rows is a table whose rows belong to parts of the script: instructions, or operations of the
// intermediate representation. One row at a time is reached by Tab, the others by the arrows.
class Rows {
  constructor(table, lights, terms) {
    this.table = table
    this.lights = lights
    this.terms = terms
    this.rows = new Map()
    table.addEventListener('keydown', event => this.key(event))
    table.addEventListener('focusin', event => this.current(event.target.closest('.row')))
  }

  // show takes columns as { title, class, cell(row) } and rows with number and span.
  show(columns, rows, chosen = () => {}) {
    this.lights.remove('row')
    this.rows.clear()
    this.focused = undefined
    const body = element('tbody')
    for (const row of rows) {
      if (row.heading) {
        body.append(element('tr', { class: 'function' }, element('td', { colspan: columns.length }, row.heading)))
        continue
      }
      const node = element('tr', {
        class: row.removed ? 'row removed' : 'row', tabindex: -1,
        click: event => { if (!event.target.closest('button')) { this.lights.pin(row.span); chosen(row) } },
      }, columns.map(c => element('td', { class: c.class }, c.cell(row))))
      this.lights.add(node, row.span, 'row')
      this.rows.set(row.number, node)
      body.append(node)
    }
    this.table.replaceChildren(
      element('thead', {}, element('tr', {}, columns.map(c => element('th', { class: c.class, scope: 'col' }, c.title)))),
      body)
    this.current(body.querySelector('.row'))
  }

  // current makes a row and its terms the ones that Tab reaches.
  current(row) {
    if (!row || row === this.focused) return
    for (const [node, index] of [[this.focused, -1], [row, 0]]) {
      if (!node) continue
      node.tabIndex = index
      for (const inner of node.querySelectorAll('button')) inner.tabIndex = index
    }
    this.focused = row
  }

  key(event) {
    const from = event.target.closest('.row')
    if (!from || event.target !== from) return
    const all = [...this.rows.values()], at = all.indexOf(from)
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key]
    if (event.key === 'Enter') from.click()
    else if (to !== undefined) all[to]?.focus()
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  // now marks the row of the instruction in hand and brings it into sight.
  now(number, scroll) {
    for (const [n, node] of this.rows) node.classList.toggle('now', n === number)
    if (scroll) this.rows.get(number)?.scrollIntoView({ block: 'nearest' })
  }

  go(number) { this.rows.get(number)?.focus() }
}
