package target

func (t *Target) tableConstant(name string) (int64, bool) {
	value, ok := constants[name]
	return value, ok
}

var constants = map[string]int64{
	"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10,
}
