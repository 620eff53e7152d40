import NetworkGraphs
import TensorMath

extension Network {
  /// Results of inner layers, with running statistics. Layers after the last of them are not computed.
  /// - Parameters:
  ///   - names: Layers by their modules' names in the checkpoint, for example `layer1.0.bn2`. A convolution's
  ///     result is the one before its BatchNorm, a BatchNorm's the one before the activation.
  ///   - input: `[n, h, w, channels]`, normalized as in training.
  /// - Returns: For every name `[n, h, w, channels]`.
  /// - Throws: `NetworkError.unknownNode`, `.wrongInput`, `.inputTooSmall`.
  public func features(of names: Set<String>, _ input: Tensor) throws -> [String: Tensor] {
    let nodes = try Dictionary(
      uniqueKeysWithValues: names.map { name in
        guard let node = plan.graph.nodes.lastIndex(where: { $0.name == name }) else {
          throw NetworkError.unknownNode(name, architecture: architectureName)
        }
        return (name, node)
      })
    let images = try imageCount(input)
    let sizes = try plan.graph.sizes(height: input.shape[1], width: input.shape[2])
    let keeping = Plan(plan.graph, keeping: Set(nodes.values))
    let steps = 0..<(keeping.steps.lastIndex { nodes.values.contains($0.output) }.map { $0 + 1 } ?? 0)
    let results = nodes.mapValues { node in
      Tensor(uninitialized: [images, sizes[node].height, sizes[node].width, sizes[node].channels])
    }
    let affines = runningAffines(for: keeping)
    for image in 0..<images {
      let executor = Executor(
        self, mode: .inference, affines: affines, images: 1, sizes: sizes, plan: keeping)
      executor.setInput(input, first: image)
      try executor.run(steps)
      for (name, node) in nodes {
        executor.map(node).copy(to: results[name]!.pointer + image * sizes[node].count)
      }
    }
    return results
  }
}
