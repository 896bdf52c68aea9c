'use strict'

// The worker holds the compiler: a question that takes long leaves the page alive.
importScripts('wasm_exec.js')

async function load() {
  const packed = await fetch('ponytrace.wasm.gz')
  if (!packed.ok) throw new Error(`ponytrace.wasm.gz: ${packed.status} ${packed.statusText}`)
  // Some servers unpack what is named .gz on the way.
  const [probe, body] = packed.body.tee()
  const reader = probe.getReader()
  const { value } = await reader.read()
  reader.cancel()
  const zipped = value[0] === 0x1f && value[1] === 0x8b
  const stream = zipped ? body.pipeThrough(new DecompressionStream('gzip')) : body
  const wasm = new Response(stream, { headers: { 'Content-Type': 'application/wasm' } })
  const go = new Go()
  const { instance } = await WebAssembly.instantiateStreaming(wasm, go.importObject)
  go.run(instance)
}

const loaded = load()

onmessage = async ({ data: { id, question } }) => {
  try {
    await loaded
    postMessage({ id, answer: JSON.parse(self.ponytrace(question)) })
  } catch (error) {
    postMessage({ id, failure: String(error) })
  }
}
