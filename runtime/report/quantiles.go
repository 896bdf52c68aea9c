package report

// Quantiles returns what a value of quantiles() holds: the number of events, and the
// scaled values at the percentiles of Type.Shape.
func (v Value) Quantiles() (count uint64, quantiles []uint64) {
	for i := range v.Type.Shape {
		quantiles = append(quantiles, v.scale(v.Word(1+i)))
	}
	return v.Word(0), quantiles
}
