# doc
foo() { echo 1; }
function bar { echo 2; }
