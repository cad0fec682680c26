package p
// Do does.
func Do(a int) (int, error) { return a, nil }
func (s *S) Get(k string) string { return "" }
func hidden() {}
type S struct { A int `json:"a"`; b string }
type I interface { M(x int) error }
const ( X = 1; y = 2 )
var V, W = 1, 2
type Alias = S
