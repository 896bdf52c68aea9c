__attribute__((noinline)) int compute(int n) { return n + 1; }
int main(int count, char **words) { return compute(count) + words[0][0]; }
