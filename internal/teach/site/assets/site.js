'use strict'

const tabs = [
  ['output', 'Output'], ['instructions', 'Step by step'], ['maps', 'Maps, helpers'], ['tree', 'Syntax tree'],
  ['types', 'Types'], ['ir', 'IR'], ['bytecode', 'Bytecode'],
]

const first = {
  script: '// How large reads are, by the name of the program.\nkprobe:vfs_read {\n  @bytes[comm] = hist(arg2)\n}\n',
  events: 'comm="dd", arg2=4096 x3\ncomm="cat", arg2=131072\ncomm="cat", arg2=700\n',
}

// Site is the page: a script and its events on one side, what becomes of them on the other.
class Site {
  constructor() {
    this.compiler = new Compiler()
    this.terms = new Terms()
    const parts = { table: find('#rows') }
    for (const name of ['source', 'programs', 'context', 'maps', 'helpers', 'notices']) parts[name] = find('#' + name)
    this.view = new ExplanationView(parts, this.terms)
    this.player = new Player(find('#player'), find('#state'), (...step) => this.view.now(...step))
    const changed = () => this.changed()
    this.script = new Editor(find('#script'), this.view.source, find('#problems'), changed)
    this.events = new Editor(find('#events'), new SourceView(find('#events-source'), new Lights()), find('#events-problems'), changed)
    this.lessons = new LessonView(find('#text'), this.terms)
    this.ir = new Rows(find('#ir'), this.view.lights)
    this.types = new Rows(find('#types'), this.view.lights)
    this.makeTabs()
    this.listen()
  }

  listen() {
    find('#kernel').addEventListener('change', () => this.run())
    find('#lesson').addEventListener('change', () => { location.hash = find('#lesson').value ? `lesson-${find('#lesson').value}` : '' })
    addEventListener('hashchange', () => this.open())
    find('#optimized').addEventListener('change', () => this.showIR())
    find('#check').addEventListener('click', () => this.check())
    find('#solution').addEventListener('click', () => this.solution())
    find('#script').addEventListener('keydown', event => {
      if (event.key !== 'Enter' || !event.ctrlKey) return
      event.preventDefault()
      find('#script').blur()
      this.choose('instructions')
    })
    theme(find('#theme'))
    const help = () => find('#keys').showModal()
    find('#help').addEventListener('click', help)
    keys({ '/': help, '?': help, ...this.player.keys() })
  }

  makeTabs() {
    find('#tabs').append(...tabs.map(([name, title]) => element('button', {
      type: 'button', role: 'tab', id: `choose-${name}`, 'aria-controls': `tab-${name}`, click: () => this.choose(name),
      keydown: event => this.tabKey(event, name),
    }, title)))
    for (const [name] of tabs) find(`#tab-${name}`).setAttribute('aria-labelledby', `choose-${name}`)
    this.choose('output')
  }

  tabKey(event, name) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!by) return
    event.stopPropagation()
    const at = tabs.findIndex(([other]) => other === name)
    const to = tabs[(at + by + tabs.length) % tabs.length][0]
    this.choose(to)
    find(`#choose-${to}`).focus()
  }

  choose(name) {
    find('.site').classList.toggle('stepping', name === 'instructions')
    for (const [other] of tabs) {
      find(`#tab-${other}`).hidden = other !== name
      find(`#choose-${other}`).setAttribute('aria-selected', String(other === name))
      find(`#choose-${other}`).tabIndex = other === name ? 0 : -1
    }
  }

  // start asks what there is; the first script is compiled at once.
  async start() {
    const { kernels, lessons = [], terms } = await this.compiler.ask({ ask: 'contents' })
    for (const [name, text] of Object.entries(terms)) this.terms.learn(name, text)
    find('#kernel').append(...kernels.map(name => element('option', { value: name, selected: name === '6.12' }, name)))
    for (const group of new Set(lessons.map(l => l.group))) {
      find('#lesson').append(element('optgroup', { label: group }, lessons.filter(l => l.group === group)
        .map(l => element('option', { value: l.number }, `${l.number}. ${l.title}`))))
    }
    await this.open()
  }

  // open shows the lesson that the address names, or none.
  async open() {
    const number = location.hash.match(/^#lesson-(\d+)$/)?.[1] ?? ''
    this.lesson = number ? (await this.compiler.ask({ ask: 'lesson', lesson: number })).lesson : undefined
    find('#lesson').value = this.lesson?.number ?? ''
    find('.site').classList.toggle('taught', Boolean(this.lesson))
    find('#exercise').hidden = !this.lesson
    find('#verdict').replaceChildren()
    if (this.lesson) this.lessons.show(this.lesson)
    else this.lessons.hide()
    const { script, events } = this.lesson ?? first
    this.script.text = script
    this.events.text = events
    await this.run()
  }

  changed() {
    find('.results').classList.add('stale')
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.run(), 120)
  }

  // run asks for all there is to see. An answer that came late, after another change, is
  // not shown.
  async run() {
    const asked = this.asked = {}
    const question = {
      ask: 'run', kernel: find('#kernel').value, script: this.script.text, events: this.events.text,
      lesson: this.lesson && String(this.lesson.number),
    }
    try {
      const answer = await this.compiler.ask(question)
      if (asked !== this.asked) return
      this.show(answer)
    } catch (error) {
      find('#status').textContent = error.message
    }
    document.documentElement.dataset.first ??= Math.round(performance.now())
  }

  show(answer) {
    find('.results').classList.toggle('stale', !answer.explanation)
    if (answer.explanation) {
      find('#status').textContent = answer.explanation.target
      this.view.show(answer.explanation)
      this.showStages(answer)
      this.showOutput(answer)
      this.player.load(answer.run, answer.explanation)
    }
    this.script.show(answer.explanation ? this.view.spans() : [], answer.problems)
    this.events.show([], answer.eventProblems)
    find('#made').hidden = !answer.made
  }

  showOutput({ output = '', notices = '', failure = '' }) {
    const rest = notices.replace(/^Attached \d+ probes?\n/, '')
    find('#output').replaceChildren(output.replace(/^\n+/, '') || 'The script prints nothing.\n',
      element('span', { class: 'soft' }, rest), element('b', {}, failure))
  }

  showStages({ stages, explanation }) {
    find('#tree').textContent = stages.tree
    find('#bytecode').textContent = stages.bytecode
    const parts = [...stages.types, ...stages.ir, ...stages.optimized]
    inCharacters(explanation.sources, parts.map(part => part.span))
    this.stages = stages
    this.types.show([
      { title: 'Expression', class: 'text', cell: row => row.text }, { title: 'Type', class: 'known', cell: row => row.type },
    ], stages.types.map((row, number) => ({ ...row, number })))
    this.showIR()
  }

  showIR() {
    const { optimized, ir } = this.stages
    this.ir.show([
      { title: 'Operation', class: 'text', cell: row => row.text },
      { title: 'Why it is there', class: 'reason', cell: row => row.reason ?? '' },
      { title: 'Passes', class: 'known', cell: row => row.passes ?? '' },
    ], (find('#optimized').checked ? optimized : ir).map((row, number) => ({ ...row, number })))
  }

  async check() {
    const question = { ask: 'check', lesson: String(this.lesson.number), script: this.script.text }
    try {
      const { verdict, problems } = await this.compiler.ask(question)
      find('#verdict').replaceChildren(...verdictNodes(verdict, problems))
      find('#verdict').classList.toggle('passed', Boolean(verdict?.passed))
    } catch (error) {
      find('#verdict').replaceChildren(error.message)
    }
  }

  solution() {
    this.script.text = this.lesson.solution
    this.run()
  }
}

function verdictNodes(verdict, problems = []) {
  if (!verdict) return [`The script does not compile: ${problems[0]?.message ?? ''}`]
  if (verdict.passed) return [`Right: it prints what it has to${verdict.cases > 1 ? ` in all ${verdict.cases} cases` : ''}.`]
  const part = (title, text) => [element('h3', {}, title), element('pre', {}, text || 'nothing')]
  return [element('p', {}, `Not yet. ${verdict.sentence}`),
    ...part(`What happens in case ${verdict.case} of ${verdict.cases}`, verdict.events),
    ...part('What has to be printed', verdict.want), ...part('What your script prints', verdict.got)]
}

new Site().start()
