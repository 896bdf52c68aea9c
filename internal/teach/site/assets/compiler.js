'use strict'

// Compiler asks the worker. A worker that does not answer in time is given up for a new one.
class Compiler {
  constructor(patience = 20_000) {
    this.patience = patience
    this.number = 0
    this.waiting = new Map()
    this.start()
  }

  start() {
    this.worker = new Worker('worker.js')
    this.worker.onmessage = ({ data }) => this.settle(data.id, data)
    this.worker.onerror = event => this.settleAll(event.message ?? 'the compiler cannot be loaded')
  }

  ask(question) {
    const id = ++this.number
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.worker.terminate()
        this.settleAll('this takes too long')
        this.start()
      }, this.patience)
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
