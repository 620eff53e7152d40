import ArgumentParser

/// A value of `--dtype`, which PyTorch's names of types stand for, too.
package protocol DTypeArgument: ExpressibleByArgument, RawRepresentable<String> {}

extension DTypeArgument {
  package init?(argument: String) {
    let names = [
      "float16": "f16", "fp16": "f16", "half": "f16", "bfloat16": "bf16", "float32": "f32", "fp32": "f32",
      "float": "f32", "float64": "f64", "fp64": "f64", "double": "f64", "float8_e4m3fn": "f8_e4m3",
      "float8_e5m2": "f8_e5m2",
    ]
    self.init(rawValue: names[argument] ?? argument)
  }
}
