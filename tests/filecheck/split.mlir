// RUN: not tflir-opt %s --split-input-file 2>&1 | filecheck %s
// RUN: not tflir-opt %s --split-input-file --verify-diagnostics 2>&1 | filecheck %s --check-prefix=UNEXPECTED

// An error in one part does not end the others, and lines are counted through the whole file.
// CHECK: error: {{.*}}split.mlir:13:19:
// CHECK: func.func @a
// CHECK: // -----
// CHECK: func.func @c
// UNEXPECTED: unexpected error: {{.*}}unknown op 'tfl.nothing'
func.func @a() { func.return }

// -----
func.func @b() { "tfl.nothing"() : () -> () func.return }
// -----

func.func @c() { func.return }
