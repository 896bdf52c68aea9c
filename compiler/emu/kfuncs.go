package emu

// kfuncs are the functions of the kernel that are called by their own name. They take no
// arguments and return nothing.
var kfuncs = map[string]func(m *machine){
	"bpf_preempt_disable": func(m *machine) { m.unpreempted++ },
	"bpf_preempt_enable":  enablePreemption,
}

func enablePreemption(m *machine) {
	if m.unpreempted == 0 {
		m.fail("preemption is on already")
	}
	m.unpreempted--
}

func (m *machine) callKernel(name string) {
	run, known := kfuncs[name]
	if !known {
		m.fail("no function %s of the kernel in this environment", name)
	}
	m.noteCall(0, nil)
	if m.tracer != nil {
		m.tracer.call.Function, m.tracer.call.Kernel = false, name
	}
	run(m)
	m.noteResult(0)
	m.result.Helpers++
	m.written &^= 0b111111
}
