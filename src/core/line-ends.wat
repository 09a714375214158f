;; The search of line-ends.ts, sixteen bytes a step. `make docs` makes line-ends-wasm.generated.ts of it.
(module
  ;; One page of 64 KiB. The bytes begin at 16; at 15 stands the one before them.
  (memory (export "memory") 1)

  ;; What stands up to `end`, rounded up to a whole step. Bit 0: an LF without a CR before it, a CR without an LF behind
  ;; it, or a NUL. Bit 1: a dot right behind an LF.
  (func (export "look") (param $end i32) (result i32)
    (local $at i32)
    (local $bytes v128)
    (local $before v128)
    (local $unsound v128)
    (local $dots v128)
    (local.set $at (i32.const 16))
    (block $done
      (loop $step
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $bytes (v128.load (local.get $at)))
        (local.set $before (v128.load (i32.sub (local.get $at) (i32.const 1))))
        (local.set $unsound
          (v128.or
            (local.get $unsound)
            (v128.or
              (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 0)))
              (v128.xor
                (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 10)))
                (i8x16.eq (local.get $before) (i8x16.splat (i32.const 13)))))))
        (local.set $dots
          (v128.or
            (local.get $dots)
            (v128.and
              (i8x16.eq (local.get $bytes) (i8x16.splat (i32.const 46)))
              (i8x16.eq (local.get $before) (i8x16.splat (i32.const 10))))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $step)))
    (i32.or
      (v128.any_true (local.get $unsound))
      (i32.shl (v128.any_true (local.get $dots)) (i32.const 1)))))
