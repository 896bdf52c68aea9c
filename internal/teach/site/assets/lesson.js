'use strict'

// Numbers of package markdown.
const blockKinds = ['paragraph', 'heading', 'item', 'fence']
const styles = ['plain', 'bold', 'slanted', 'code', 'link']

// LessonView shows a lesson's text. Its solution and its hint are behind a click.
class LessonView {
  constructor(article, terms) { this.article = article; this.terms = terms }

  hide() { this.article.hidden = true }

  show(lesson) {
    this.article.hidden = false
    let into = this.article
    into.replaceChildren()
    for (const block of lesson.blocks) {
      if (kindOf(block) === 'heading' && block.level === 2) into = this.article
      into.append(this.block(block))
      if (kindOf(block) === 'heading' && /^hint/i.test(textOf(block))) {
        const heading = into.lastChild
        into = element('details', {}, element('summary', {}, heading.textContent))
        heading.replaceWith(into)
      }
    }
  }

  block(block) {
    switch (kindOf(block)) {
      case 'heading': return element(`h${block.level}`, {}, this.spans(block.spans))
      case 'item': return element('ul', {}, element('li', {}, this.spans(block.spans)))
      case 'fence': return this.fence(block)
      default: return element('p', {}, this.spans(block.spans))
    }
  }

  fence(block) {
    const text = (block.lines ?? []).join('\n')
    const pre = element('pre', {})
    if (block.language === 'ponytrace') new SourceView(pre, new Lights()).show(text, [])
    else pre.textContent = text
    return pre
  }

  spans(spans = []) {
    return spans.map(({ style = 0, text, address }) => {
      switch (styles[style]) {
        case 'bold': return element('b', {}, withCode(text))
        case 'slanted': return element('em', {}, withCode(text))
        case 'code': return element('code', {}, text)
        case 'link': return this.link(text, address)
        default: return text
      }
    })
  }

  // link leads to another lesson, or out into the net; other addresses are of files.
  link(text, address) {
    const lesson = address.match(/^\.\.\/0*(\d+)-/)
    if (lesson) return element('a', { href: `#lesson-${lesson[1]}` }, text)
    return address.startsWith('https://') ? element('a', { href: address, rel: 'noreferrer' }, text) : text
  }
}

// withCode sets the code within a text that has another style.
const withCode = text => text.split('`').map((part, i) => i % 2 ? element('code', {}, part) : part)

const kindOf = block => blockKinds[block.kind]

const textOf = block => (block.spans ?? []).map(span => span.text).join('')
