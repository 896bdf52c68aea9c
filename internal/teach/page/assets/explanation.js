'use strict'

// ExplanationView shows what package explain made of a script.
class ExplanationView {
  // parts are the elements to fill: source, programs, context, table, facts, maps, helpers, notices.
  constructor(parts, terms) {
    this.parts = parts
    this.terms = terms
    this.lights = new Lights()
    this.source = new SourceView(parts.source, this.lights)
    this.rows = new Rows(parts.table, this.lights, terms)
  }

  show(explanation) {
    this.explanation = explanation
    inCharacters(explanation.sources, explanation.programs.flatMap(p => [p.source, ...p.rows.map(row => row.span)]))
    for (const helper of explanation.helpers ?? []) {
      this.terms.learn(helper.name, helper.sentence, helper.signature)
    }
    this.showSource()
    this.showPrograms()
    this.showMaps()
    this.showHelpers()
    const { notices } = this.parts
    notices.replaceChildren(...(explanation.notices ?? []).map(text => element('p', { class: 'soft' }, text)))
    this.choose(0)
  }

  // spans are those of the script itself, not of what it imports.
  spans() {
    return this.explanation.programs.flatMap(p => p.rows.map(row => row.span)).filter(span => span.source === 0)
  }

  showSource() {
    this.source.show(this.explanation.sources[0].text.trimEnd(), this.spans(), { chosen: span => this.chosen(span) })
  }

  // chosen goes to the program that has instructions for a part of the source.
  chosen(span) {
    const has = p => p.rows.some(row => written(row.span) && sameSpan(row.span, span))
    const { programs } = this.explanation
    if (!has(programs[this.program])) {
      const other = programs.findIndex(has)
      if (other >= 0) this.choose(other)
    }
    this.lights.show(this.lights.pinned)
    this.lights.scroll(this.rows.kind)
  }

  showPrograms() {
    const { programs } = this.explanation
    this.parts.programs.hidden = programs.length < 2
    this.parts.programs.replaceChildren(...programs.map((program, i) => element('button', {
      type: 'button', 'aria-pressed': 'false', click: () => this.choose(i),
    }, program.probes[0] ?? program.name)))
  }

  choose(index) {
    this.program = index
    const program = this.explanation.programs[index]
    for (const [i, button] of [...this.parts.programs.children].entries()) {
      button.setAttribute('aria-pressed', String(i === index))
    }
    this.showContext(program)
    this.showRows(program)
  }

  showContext(program) {
    const { context, cost, probes, name } = program
    const more = probes.length > 1 ? ` and ${count(probes.length - 1, 'other probe')}` : ''
    const facts = [
      ['Instructions', cost.instructions], ['Executed on the usual path', cost.executed],
      ['Calls of helpers', cost.helpers], ['Stack', `${cost.stack} bytes`], ['Instructions verified', cost.verified],
    ]
    this.parts.context.replaceChildren(
      element('h2', {}, `${probes[0] ?? name}${more}`),
      element('p', {}, this.terms.prose(`A program of type ${context.type}, attached by ${context.mechanism}. ${context.when}`)),
      element('p', {}, 'r1 points to: ', this.terms.prose(context.holds)),
      element('p', { class: 'facts' }, facts.filter(([, n]) => n !== undefined && n !== 0)
        .map(([title, n]) => element('span', {}, `${title} `, element('b', {}, n)))))
  }

  showRows(program) {
    const { table } = this.parts
    const any = key => program.rows.some(row => row[key]?.length)
    table.classList.toggle('without-known', !any('known'))
    table.classList.toggle('without-machine', !any('machine'))
    const rows = program.rows.flatMap(row => row.function ? [{ heading: `Function ${row.function}` }, row] : [row])
    this.rows.show(this.columns(), rows, row => this.lights.scroll('source'))
  }

  columns() {
    return [
      { title: '#', class: 'number', cell: row => row.number },
      { title: 'Instruction', class: 'text', cell: row => [row.text, this.jump(row)] },
      { title: 'Why it is there', class: 'reason', cell: row => this.terms.prose(row.reason, -1) },
      {
        title: 'What the verifier knows after it', class: 'known', cell: row => (row.known ?? [])
          .map(fact => element('div', {}, element('b', {}, fact.place), ' ', fact.text)),
      },
      {
        title: 'Machine code', class: 'machine', cell: row => (row.machine ?? [])
          .map(code => element('div', { title: code.bytes }, code.text)),
      },
    ]
  }

  jump(row) {
    if (row.target < 0) return []
    return [' ', element('button', {
      type: 'button', class: 'jump', tabindex: -1, 'aria-label': `to instruction ${row.target}`,
      click: () => this.rows.go(row.target),
    }, `→ ${row.target}`)]
  }

  showMaps() {
    const { maps = [] } = this.explanation
    this.parts.maps.closest('.panel').hidden = maps.length === 0
    this.parts.maps.replaceChildren(...maps.flatMap(map => [element('div', {},
      element('dt', {}, map.name, ' ', element('span', { class: 'soft' }, map.type)),
      element('dd', {}, this.terms.prose(capital(sentence(map.purpose))), ' ', ...mapFacts(map)))]))
  }

  showHelpers() {
    const { helpers = [] } = this.explanation
    this.parts.helpers.closest('.panel').hidden = helpers.length === 0
    this.parts.helpers.replaceChildren(...helpers.map(helper => element('div', {},
      element('dt', {}, helper.signature || helper.name),
      element('dd', {}, helper.sentence, ' ', element('span', { class: 'soft' },
        `Helper ${helper.number}, called at ${count(helper.calls, 'place')}.`)))))
  }

  // now marks the instruction of a step of a program, by name.
  now(name, step, scroll) {
    const { programs } = this.explanation
    const index = programs.findIndex(p => p.name === name)
    if (index < 0) return
    if (index !== this.program) this.choose(index)
    const row = programs[index].rows[step.row]
    this.rows.now(row?.number, step.branch, scroll)
    this.source.now(row?.span)
  }
}

// capital leaves names of registers and maps as they are.
const capital = text => /^[a-z]{2}/.test(text) ? text[0].toUpperCase() + text.slice(1) : text

const sentence = text => !text || /[.:!?]$/.test(text) ? text : `${text}.`

function mapFacts(map) {
  const facts = []
  if (map.holds?.length) facts.push(`Holds ${map.holds.join(', ')}.`)
  if (map.key) facts.push(`Key: ${map.key}, ${count(map.keySize, 'byte')}.`)
  if (map.value) facts.push(`Value: ${map.value}, ${count(map.valueSize, 'byte')}.`)
  if (map.entries > 1) facts.push(`At most ${count(map.entries, 'entry', 'entries')}.`)
  facts.push(`Memory: ${bytes(map.memory)}${map.full > map.memory ? `, ${bytes(map.full)} when full` : ''}.`)
  return [element('span', { class: 'soft' }, facts.join(' '))]
}

function bytes(n) {
  if (n < 10_000) return count(n, 'byte')
  return n < 10_000_000 ? `${Math.round(n / 1024).toLocaleString('en')} KB` : `${Math.round(n / 1048576).toLocaleString('en')} MB`
}
