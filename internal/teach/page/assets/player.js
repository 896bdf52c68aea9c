'use strict'

const kinds = [
  ['register', 'Registers'], ['stack', 'Stack'], ['map', 'Values in maps'], ['context', 'Context'], ['memory', 'Memory'],
]

// Player steps recorded events: what package step made. It is at one instruction of one event,
// and shows what there is before and after it.
class Player {
  // bar holds the buttons, state the values; show(program, step) marks the instruction.
  constructor(bar, state, show) {
    this.bar = bar
    this.state = state
    this.onstep = show
    const button = (title, text, act) => element('button', {
      type: 'button', class: text.length > 1 && 'wide', 'aria-label': title, title, click: act,
    }, text)
    this.slider = element('input', { type: 'range', min: 0, 'aria-label': 'Instruction', input: () => this.go(this.event, +this.slider.value) })
    this.place = element('output')
    this.choice = element('select', { 'aria-label': 'Event', change: () => this.go(+this.choice.value, 0) })
    bar.replaceChildren(this.choice,
      button('First instruction', '«', () => this.first()), button('One instruction back', '‹', () => this.move(-1)),
      this.slider,
      button('One instruction forward', '›', () => this.move(1)), button('Last instruction', '»', () => this.last()),
      button('To another part of the script', 'part', () => this.part(1)), button('To the next branch', 'branch', () => this.branch()),
      this.place)
    this.hide()
  }

  hide() { this.bar.hidden = this.state.hidden = true; this.run = undefined }

  // load takes a run and the explanation that its rows are of.
  load(run, explanation) {
    const events = (run?.events ?? []).filter(event => event.steps?.length)
    if (events.length === 0) { this.hide(); return }
    this.bar.hidden = this.state.hidden = false
    this.run = { ...run, events }
    this.explanation = explanation
    this.choice.replaceChildren(...events.map((event, i) => element('option', { value: i }, `${i + 1}. ${event.probe} ${event.task}`)))
    this.choice.hidden = events.length < 2
    this.go(0, 0, false)
  }

  // go shows a step of an event.
  go(event, step, scroll = true) {
    this.event = event
    this.step = step
    const { steps, program } = this.run.events[event]
    this.slider.max = steps.length - 1
    this.slider.value = step
    this.choice.value = event
    const rows = this.explanation.programs.find(p => p.name === program)?.rows ?? []
    const row = rows[steps[step].row]
    this.slider.setAttribute('aria-valuetext', row ? `${row.number}: ${row.text}` : String(step))
    this.place.textContent = `${step + 1} of ${steps.length}`
    this.draw(row)
    this.onstep(program, steps[step], scroll)
  }

  move(by) {
    const { steps } = this.run.events[this.event]
    const to = this.step + by
    if (to >= 0 && to < steps.length) this.go(this.event, to)
    else if (to < 0 && this.event > 0) this.go(this.event - 1, this.run.events[this.event - 1].steps.length - 1)
    else if (to >= steps.length) this.nextEvent()
  }

  first() { this.go(this.event, 0) }

  last() { this.go(this.event, this.run.events[this.event].steps.length - 1) }

  nextEvent() { if (this.event + 1 < this.run.events.length) this.go(this.event + 1, 0) }

  // seek goes to the next step in a direction for which a condition holds, else to the last.
  seek(by, holds) {
    const { steps } = this.run.events[this.event]
    let at = this.step + by
    while (at > 0 && at < steps.length - 1 && !holds(steps[at])) at += by
    this.go(this.event, Math.max(0, Math.min(at, steps.length - 1)))
  }

  branch() { this.seek(1, step => step.branch) }

  // part goes to an instruction that belongs to another part of the script.
  part(by) {
    const { steps, program } = this.run.events[this.event]
    const { rows } = this.explanation.programs.find(p => p.name === program)
    const span = rows[steps[this.step].row].span
    this.seek(by, step => !sameSpan(rows[step.row].span, span))
  }

  draw(row) {
    const event = this.run.events[this.event], step = event.steps[this.step]
    const before = stateAt(event, this.step), after = stateAt(event, this.step + 1)
    const changed = new Set((step.changes ?? []).map(change => change.place))
    const places = [...after.values(), ...[...before.values()].filter(fact => !after.has(fact.place))]
    const end = this.step === event.steps.length - 1
    this.state.replaceChildren(
      element('h2', {}, row && [element('code', {}, row.text), ' '],
        element('span', { class: 'soft' }, `step ${this.step + 1} of ${event.steps.length}`)),
      element('p', { class: 'happened' }, this.happened(step, row, end && event)),
      element('table', {},
        element('thead', {}, element('tr', {}, ['', 'before', 'after'].map(t => element('th', { scope: 'col' }, t)))),
        kinds.map(([kind, title]) => factRows(title,
          ordered(kind, places.filter(fact => fact.kind === kind)), before, after, changed))),
      ...this.printed(end),
    )
  }

  happened(step, row, ended) {
    const texts = [step.what || row?.reason]
    if (step.branch) texts.push(step.branch === 'taken' ? `The jump is taken, to ${row.target}.` : 'The jump is not taken.')
    if (ended?.error) texts.push(ended.error)
    if (ended?.cut) texts.push(`${count(ended.cut, 'more step')} are not recorded.`)
    return texts.map(text => capital(sentence(text ?? ''))).join(' ')
  }

  // printed are the maps as they are around the event, and what the script prints at its end.
  printed(end) {
    const maps = new Map()
    for (const event of this.run.events.slice(0, this.event + (end ? 1 : 0))) {
      for (const map of event.maps ?? []) maps.set(map.name, map.text)
    }
    const list = [...maps.values()].map(text => element('pre', {}, text.trimEnd()))
    if (list.length) list.unshift(element('h3', {}, end ? 'Maps after the event' : 'Maps before the event'))
    const { output } = this.run.events[this.event]
    if (end && output) list.push(element('h3', {}, 'Printed'), element('pre', {}, output.trimEnd()))
    return list
  }

  // keys are those of the keyboard.
  keys() {
    const when = act => () => this.run && !this.bar.closest('[hidden]') ? act() : false
    return {
      ArrowRight: when(() => this.move(1)), ArrowLeft: when(() => this.move(-1)),
      Home: when(() => this.first()), End: when(() => this.last()),
      n: when(() => this.part(1)), p: when(() => this.part(-1)),
      b: when(() => this.branch()), e: when(() => this.nextEvent()),
    }
  }
}

// stateAt is what there is after so many steps, by place.
function stateAt(event, steps) {
  const facts = new Map()
  for (const changes of [event.start, ...event.steps.slice(0, steps).map(step => step.changes)]) {
    for (const change of changes ?? []) {
      if (change.gone) facts.delete(change.place)
      else facts.set(change.place, change)
    }
  }
  return facts
}

const number = place => +(place.match(/-?\d+/)?.[0] ?? 0)

const ordered = (kind, facts) => kind === 'register' || kind === 'stack'
  ? facts.sort((a, b) => kind === 'register' ? number(a.place) - number(b.place) : number(b.place) - number(a.place))
  : facts

function factRows(title, facts, before, after, changed) {
  if (facts.length === 0) return []
  const text = fact => fact?.text ?? ''
  return element('tbody', {}, element('tr', {}, element('th', { colspan: 3, scope: 'rowgroup' }, title)),
    facts.map(({ place }) => element('tr', { class: changed.has(place) ? 'changed' : '', 'data-place': place },
      element('td', {}, place), element('td', {}, text(before.get(place)) || (changed.has(place) ? '-' : '')),
      element('td', {}, after.has(place) ? text(after.get(place)) : 'gone'))))
}
