	.globl twice
	.type twice, @function
twice:
	lea (%rdi,%rdi), %rax
	ret
	.size twice, . - twice
	.globl _start
_start:
	call twice
	hlt
