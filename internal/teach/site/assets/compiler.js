'use strict'

// Compiler asks the worker. A worker that fails, or does not answer in time, is given up for
// a new one: a module whose program has ended answers nothing any more.
class Compiler {
  constructor(patience = 20_000) {
    this.patience = patience
    this.number = 0
    this.waiting = new Map()
    this.start()
  }

  start() {
    this.worker = new Worker('worker.js')
    this.worker.onmessage = ({ data }) => data.failure ? this.restart(data.failure) : this.settle(data.id, data)
    this.worker.onerror = event => this.settleAll(event.message ?? 'the compiler cannot be loaded')
  }

  restart(failure) {
    this.worker.terminate()
    this.settleAll(failure)
    this.start()
  }

  ask(question) {
    const id = ++this.number
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.restart('this takes too long'), this.patience)
      this.waiting.set(id, { resolve, reject, timer })
      this.worker.postMessage({ id, question })
    })
  }

  settle(id, { answer, failure }) {
    const waiting = this.waiting.get(id)
    if (!waiting) return
    this.waiting.delete(id)
    clearTimeout(waiting.timer)
    if (answer) waiting.resolve(answer)
    else waiting.reject(new Error(failure))
  }

  settleAll(failure) {
    for (const id of [...this.waiting.keys()]) this.settle(id, { failure })
  }
}
