import NetworkGraphs

extension TailActivation {
  /// The network's activation; nil for those that no supported network has before its pooling.
  init?(_ activation: Activation) { self.init(rawValue: activation.rawValue) }
}
