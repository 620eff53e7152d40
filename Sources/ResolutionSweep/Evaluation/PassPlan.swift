import ImageData

/// The forward passes that some settings need, each of them once.
struct PassPlan {
  /// A network on one view of the images.
  struct Pass: Equatable {
    var network: Int
    var view: Int
  }

  private(set) var views: [Preprocessing] = []
  private(set) var passes: [Pass] = []
  /// For each active setting its index and the passes whose predictions it combines.
  private(set) var passesOfSetting: [(setting: Int, passes: [Int])] = []

  init(_ settings: [Setting], active: [Int]) {
    for index in active {
      let setting = settings[index]
      let inputs = setting.views.inputs(setting.preprocessing).map { views.place(of: $0) }
      let own = setting.networks.flatMap { network in
        inputs.map { passes.place(of: Pass(network: network, view: $0)) }
      }
      passesOfSetting.append((index, own))
    }
  }

  /// The largest batch of at most 32 images whose views, with the batches prepared ahead, stay within 128 MB.
  ///
  /// Beyond eight images or so the matrix products are large enough; a batch of many views is what costs memory.
  var defaultBatchSize: Int {
    let bytesPerImage = views.reduce(0) { $0 + $1.crop * $1.crop * 3 * MemoryLayout<Float>.size }
    let batchesInFlight = 3
    return max(1, min(32, (128 << 20) / max(1, bytesPerImage * batchesInFlight)))
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
