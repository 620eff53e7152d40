import ImageData

/// The forward passes that a set of settings needs, each of them once.
struct PassPlan {
  /// A network on one view of the images.
  struct Pass: Equatable {
    var network: Int
    var view: Int
    var pooling: Pooling
    /// Index of the statistics that replace the stored ones; nil for the stored ones.
    var recalibration: Int?
  }

  private(set) var views: [Preprocessing] = []
  private(set) var passes: [Pass] = []
  /// For each active setting its index and, for each of its networks, the passes whose predictions it
  /// combines.
  private(set) var passesOfSetting: [(setting: Int, passes: [[Int]])] = []

  init(_ settings: [Setting], active: [Int], recalibrations: [Recalibration] = []) {
    for index in active {
      let setting = settings[index]
      let inputs = setting.views.inputs(setting.preprocessing).map { views.place(of: $0) }
      let own = setting.networks.map { network in
        let recalibration = setting.recalibration(of: network, among: recalibrations)
        return inputs.map { view in
          passes.place(
            of: Pass(network: network, view: view, pooling: setting.pooling, recalibration: recalibration))
        }
      }
      passesOfSetting.append((index, own))
    }
  }

  /// Batches prepared while one is computed; more would only take memory, since computing takes longer.
  static let prefetch = 1

  /// The largest batch of at most 16 images whose views, with the batches prepared ahead, stay within 256 MB.
  ///
  /// The networks divide a batch into chunks of about eight images of 224 pixels, so that larger batches of
  /// one view gain nothing; batches of many views cost memory.
  var defaultBatchSize: Int {
    let bytesPerImage = views.reduce(0) { $0 + $1.crop * $1.crop * 3 * MemoryLayout<Float>.size }
    return max(1, min(16, (256 << 20) / max(1, bytesPerImage * (1 + Self.prefetch))))
  }
}

extension Setting {
  /// The index of the statistics that a network uses under this setting; nil for its stored ones.
  public func recalibration(of network: Int, among all: [Recalibration]) -> Int? {
    guard batchNorm == .recalibrated else { return nil }
    return all.firstIndex { $0.network == network && $0.preprocessing == preprocessing }
  }
}

extension Array where Element: Equatable {
  /// The index of `element`, which is appended if it is not there yet.
  fileprivate mutating func place(of element: Element) -> Int {
    if let index = firstIndex(of: element) { return index }
    append(element)
    return count - 1
  }
}
