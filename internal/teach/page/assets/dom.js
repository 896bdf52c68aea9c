'use strict'

// element makes an element. What is not an element becomes text, never markup: scripts,
// names and what the traced system wrote are not ours.
function element(name, properties = {}, ...children) {
  const e = document.createElement(name)
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue
    if (typeof value === 'function') e.addEventListener(key, value)
    else e.setAttribute(key, value === true ? '' : value)
  }
  e.append(...children.flat(3).filter(c => c !== undefined && c !== null && c !== ''))
  return e
}

const find = selector => document.querySelector(selector)

// characterOffsets returns a function from offsets in bytes of UTF-8, as the compiler counts, to
// those in units of UTF-16, as JavaScript does.
function characterOffsets(text) {
  if (/^[\x00-\x7f]*$/.test(text)) return n => Math.min(n, text.length)
  const at = []
  let units = 0
  for (const c of text) {
    const code = c.codePointAt(0)
    const bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
    for (let i = 0; i < bytes; i++) at.push(units)
    units += c.length
  }
  return n => n < at.length ? at[n] : units
}

const count = (n, one, many = `${one}s`) => `${n.toLocaleString('en')} ${n === 1 ? one : many}`

// Terms are words that are explained where they stand: by the mouse, the keyboard's focus and a
// tap.
class Terms {
  constructor() {
    this.known = new Map()
    this.tip = element('div', { class: 'tip', role: 'tooltip', id: 'tip', popover: 'manual' })
    document.body.append(this.tip)
    const on = (type, react) => document.addEventListener(type, event => {
      const term = event.target.closest?.('.term')
      react(term, event)
    })
    on('mouseover', term => term ? this.show(term) : this.hide())
    on('focusin', term => term ? this.show(term) : this.hide())
    on('click', term => term ? this.show(term) : this.hide())
    document.addEventListener('keydown', event => { if (event.key === 'Escape') this.hide() })
    document.addEventListener('scroll', () => this.hide(), { capture: true, passive: true })
  }

  // learn adds a term. The sentence may have a first line in the font of code.
  learn(name, sentence, code) {
    if (!name || this.known.has(name)) return
    this.known.set(name, { sentence, code })
    this.pattern = undefined
  }

  show(term) {
    const { sentence, code } = this.known.get(term.dataset.term)
    this.tip.replaceChildren(...(code ? [element('code', {}, code)] : []), sentence)
    if (!this.tip.matches(':popover-open')) this.tip.showPopover()
    const at = term.getClientRects()[0]
    const { width, height } = this.tip.getBoundingClientRect()
    const below = at.bottom + 6 + height < innerHeight
    this.tip.style.top = `${below ? at.bottom + 6 : Math.max(at.top - 6 - height, 4)}px`
    this.tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`
    this.shown?.removeAttribute('aria-describedby')
    this.shown = term
    term.setAttribute('aria-describedby', 'tip')
  }

  hide() {
    if (this.tip.matches(':popover-open')) this.tip.hidePopover()
    this.shown?.removeAttribute('aria-describedby')
    this.shown = undefined
  }

  term(text, name, tabindex = 0) {
    return element('button', { type: 'button', class: 'term', 'data-term': name, tabindex }, text)
  }

  // prose returns a text as nodes, with the first of each term marked. Of those that begin at
  // one place the longest is taken.
  prose(text, tabindex = 0) {
    this.pattern ??= this.compile()
    const seen = new Set(), nodes = []
    let from = 0
    for (const match of text.matchAll(this.pattern)) {
      const name = this.known.has(match[0]) ? match[0] : match[0].toLowerCase()
      if (seen.has(name) || !this.known.has(name)) continue
      seen.add(name)
      nodes.push(text.slice(from, match.index), this.term(match[0], name, tabindex))
      from = match.index + match[0].length
    }
    nodes.push(text.slice(from))
    return nodes
  }

  compile() {
    const names = [...this.known.keys()].sort((a, b) => b.length - a.length)
    const any = names.map(name => name.replace(/[^\w ]/g, '\\$&')).join('|')
    return new RegExp(`(?<![\\w@$])(?:${any || '(?!)'})(?!\\w)`, 'gi')
  }
}

// theme makes the switch between light and dark. The system's own choice holds until it is used.
function theme(button) {
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const now = () => document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light')
  const label = () => { button.textContent = now() === 'dark' ? 'Light' : 'Dark' }
  button.addEventListener('click', () => {
    document.documentElement.dataset.theme = now() === 'dark' ? 'light' : 'dark'
    label()
  })
  dark.addEventListener('change', label)
  label()
}

// editing reports whether keys are for a field of text.
const editing = target => target.closest('textarea, select, input:not([type=range])') !== null

// keys calls what a key stands for, unless somebody writes or a dialog is open.
function keys(actions) {
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.altKey || event.metaKey) return
    if (editing(event.target) || find('dialog[open]')) return
    const action = actions[event.key]
    if (!action || action(event) === false) return
    event.preventDefault()
  })
}
