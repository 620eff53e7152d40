import NetworkGraphs

/// Names of the choices of layers, as users write them and histories record them.
extension TuningOptions.Layers: RawRepresentable {
  private static let last = "last:"
  private static let from = "from:"
  private static let batchNorms = "bn-affine"

  /// The choice of this name: `fc`, `fc+bn`, `fc+norm`, `last:2`, `from:layer4`, `bn-affine` or `bn-affine:layer4`.
  public init?(rawValue name: String) {
    func rest(after prefix: String) -> String? {
      guard name.utf8.starts(with: prefix.utf8), name.utf8.count > prefix.utf8.count else { return nil }
      return String(Substring(name.utf8.dropFirst(prefix.utf8.count)))
    }
    switch name {
    case "fc": self = .classifier
    case "fc+bn": self = .classifierAndBatchNorm
    case "fc+norm": self = .classifierAndLayerNorm
    case Self.batchNorms: self = .behind(.batchNorms(from: nil))
    default:
      if let count = rest(after: Self.last) {
        guard let count = Int(count), count > 0 else { return nil }
        self = .behind(.lastBlocks(count))
      } else if let prefix = rest(after: Self.from) {
        self = .behind(.from(prefix))
      } else if let prefix = rest(after: Self.batchNorms + ":") {
        self = .behind(.batchNorms(from: prefix))
      } else {
        return nil
      }
    }
  }

  /// The name of the choice.
  public var rawValue: String {
    switch self {
    case .classifier: "fc"
    case .classifierAndBatchNorm: "fc+bn"
    case .classifierAndLayerNorm: "fc+norm"
    case .behind(.lastBlocks(let count)): "\(Self.last)\(count)"
    case .behind(.from(let prefix)): Self.from + prefix
    case .behind(.batchNorms(let prefix)): Self.batchNorms + (prefix.map { ":" + $0 } ?? "")
    }
  }

  /// The cut through the network; nil where the classifier and the last norm alone are trained.
  public var cutPoint: NetworkCut.Point? { if case .behind(let point) = self { point } else { nil } }
}
