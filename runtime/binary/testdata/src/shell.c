/* What a program of a distribution is like: only names that other files use are left. */
char *readline(const char *prompt)
{
	return *prompt ? (char *)prompt + 1 : 0;
}

int readline_internal(const char *prompt, int echo)
{
	return echo + *readline(prompt);
}

static int __attribute__((noinline)) run(const char *line)
{
	return *line;
}

int _start(void)
{
	return run(readline("$ ")) + readline_internal("> ", 1);
}
