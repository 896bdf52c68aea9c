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

const words = 'if|else|while|for|in|unroll|return|break|continue|let|config|macro|fn|import|struct|union|enum|sizeof|offsetof'

const tokens = new RegExp([
  '(?<comment>//[^\\n]*|/\\*[^]*?(?:\\*/|$))', '(?<string>"(?:\\\\.|[^"\\\\\\n])*"?)', '(?<name>[@$]\\w*)',
  `(?<word>\\b(?:${words})\\b)`, '(?<number>\\b\\d\\w*)', '\\w+',
].join('|'), 'g')

// tokenMarks are the colours of a script: of what can be told apart without a compiler, so that
// they are there while one types.
function tokenMarks(text) {
  const marks = []
  for (const match of text.matchAll(tokens)) {
    const kind = Object.keys(match.groups).find(name => match.groups[name] !== undefined)
    if (kind) marks.push({ start: match.index, end: match.index + match[0].length, class: 'token-' + kind })
  }
  return marks
}

// SourceView shows a text cut at the ends of all spans and marks, so that each piece belongs to
// the smallest span around it.
class SourceView {
  constructor(pre, lights) { this.pre = pre; this.lights = lights; this.parts = [] }

  // show takes the text, the spans in it, and what a click on one does.
  show(text, spans, { chosen, marks = [], focusable = true } = {}) {
    this.lights.remove('source')
    this.parts = []
    this.spans = spans.filter(written)
    const all = [...marks, ...tokenMarks(text)]
    const ends = [...this.spans, ...all].flatMap(s => [s.start, s.end])
    const cuts = [...new Set([0, ...ends, text.length])].filter(n => n <= text.length).sort((a, b) => a - b)
    const nodes = cuts.slice(0, -1).map((start, i) => {
      const piece = { start, end: cuts[i + 1], text: text.slice(start, cuts[i + 1]) }
      piece.class = all.filter(m => m.start <= start && piece.end <= m.end).map(m => m.class).join(' ')
      return this.piece(piece, this.at(start, piece.end), chosen, focusable)
    })
    // Without it the last line, where it is empty, has no height.
    if (text.endsWith('\n') && !focusable) nodes.push('\n')
    this.pre.replaceChildren(...nodes)
  }

  piece(piece, span, chosen, focusable) {
    if (!span) return piece.class ? element('span', { class: piece.class }, piece.text) : piece.text
    const choose = () => { this.lights.pin(span); chosen?.(span) }
    const node = element('span', {
      class: `part ${piece.class}`, tabindex: focusable && piece.text.trim() ? 0 : undefined,
      click: choose,
      keydown: event => { if (event.key === 'Enter') choose() },
    }, piece.text)
    const own = { source: span.source, start: piece.start, end: piece.end }
    this.lights.add(node, own, 'source', span)
    this.parts.push({ node, own })
    return node
  }

  // at is the smallest span around a part of the text.
  at(start, end) {
    let best = null
    for (const span of this.spans) {
      if (span.start <= start && end <= span.end &&
        (!best || span.end - span.start < best.end - best.start)) best = span
    }
    return best
  }

  // now marks what the instruction in hand belongs to.
  now(span) {
    for (const { node, own } of this.parts) node.classList.toggle('now', written(span) && within(own, span))
  }
}

// inCharacters makes of offsets in bytes those in units of UTF-16, once for each span.
function inCharacters(sources, spans) {
  const offsets = sources.map(source => characterOffsets(source.text))
  for (const span of new Set(spans)) {
    const char = offsets[span.source]
    span.start = char(span.start)
    span.end = char(span.end)
  }
}

// Rows is a table whose rows belong to parts of the script: instructions, or operations of the
// intermediate representation. One row at a time is reached by Tab, the others by the arrows.
class Rows {
  constructor(table, lights, terms) {
    this.table = table
    this.lights = lights
    this.terms = terms
    this.rows = new Map()
    this.kind = Symbol('row') // of its own among the lights, as several tables may share them
    table.addEventListener('keydown', event => this.key(event))
    table.addEventListener('focusin', event => this.current(event.target.closest('.row')))
  }

  // show takes columns as { title, class, cell(row) } and rows with number and span.
  show(columns, rows, chosen = () => {}) {
    this.lights.remove(this.kind)
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
      this.lights.add(node, row.span, this.kind)
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

  // now marks the row of the instruction in hand, and the way that it takes.
  now(number, branch, scroll) {
    for (const [n, node] of this.rows) {
      node.classList.toggle('now', n === number)
      if (n === number && branch) node.dataset.branch = branch
      else delete node.dataset.branch
    }
    if (scroll) this.rows.get(number)?.scrollIntoView({ block: 'nearest' })
  }

  go(number) { this.rows.get(number)?.focus() }
}
