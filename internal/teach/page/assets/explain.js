'use strict'

// main fills the page of `ponytrace explain --html`.
function main() {
  const content = JSON.parse(find('#content').textContent)
  const terms = new Terms()
  for (const [name, text] of Object.entries(content.terms)) terms.learn(name, text)
  const parts = { table: find('#rows') }
  for (const name of ['source', 'programs', 'context', 'maps', 'helpers', 'notices']) parts[name] = find('#' + name)
  const view = new ExplanationView(parts, terms)
  const { explanation } = content
  view.show(explanation)
  const name = explanation.sources[0].name
  document.title = `${name} - ponytrace explain`
  find('#target').textContent = `${name}, compiled for ${explanation.target}`
  theme(find('#theme'))
  const player = new Player(find('#player'), find('#state'), (...step) => view.now(...step))
  player.load(content.run, explanation)
  const help = () => find('#keys').showModal()
  find('#help').addEventListener('click', help)
  keys({ '/': help, '?': help, ...player.keys() })
}

main()
