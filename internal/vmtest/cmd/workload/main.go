// Command workload makes loads of exactly known size.
package main

func main() {}
