import Checkpoint

extension NetworkDescription {
  /// A checkpoint under the names that its network gives to the tensors.
  ///
  /// The names of the file are tried first, then those without a prefix that a training script added, such as
  /// `model.`.
  ///
  /// - Parameter checkpoint: A state dict with PyTorch's names and layouts.
  /// - Returns: The checkpoint, or a `NetworkView` of it, which is written back under the names of the file.
  public static func view(of checkpoint: any CheckpointSource) -> any CheckpointSource {
    func isKnown(_ source: any CheckpointSource) -> Bool {
      let state = StateDict(source)
      return ArchitectureRegistry.families.contains { $0.recognises(state) }
    }
    return isKnown(checkpoint) ? checkpoint : networkViews(of: checkpoint).first(where: isKnown) ?? checkpoint
  }

  /// A checkpoint under the names of an ONNX file's initializers: the file's own, unless more initializers
  /// match after a prefix.
  public static func view(of checkpoint: any CheckpointSource, onnx model: ONNXModel) -> any CheckpointSource
  {
    let names = model.initializers.filter { $0.value.spec.dtype.isFloatingPoint }.map(\.key)
    func score(_ source: any CheckpointSource) -> Int { names.count { source.index(of: $0) != nil } }
    var best: (source: any CheckpointSource, score: Int) = (checkpoint, score(checkpoint))
    for view in networkViews(of: checkpoint) {
      let score = score(view)
      if score > best.score { best = (view, score) }
    }
    return best.source
  }
}
