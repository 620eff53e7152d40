/// Measurements of a sweep so far, independent of networks and data set.
public struct Measurements: Sendable, Equatable {
  /// Settings that are measured.
  public let settings: [Setting]
  /// Indices of the images into the data set, in the order in which they are visited.
  public let images: [Int]
  /// Multiply-adds per image of every setting, summed over its forward passes.
  public let multiplyAdds: [Int]
  /// Outcomes per setting; settings that left a race have seen fewer images.
  public package(set) var outcomes: [SettingOutcomes]
  /// Seconds spent in forward passes of each setting; a shared pass counts for each of its settings.
  public package(set) var seconds: [Double]

  package init(settings: [Setting], images: [Int], multiplyAdds: [Int]) {
    self.settings = settings
    self.images = images
    self.multiplyAdds = multiplyAdds
    outcomes = Array(repeating: SettingOutcomes(), count: settings.count)
    seconds = Array(repeating: 0, count: settings.count)
  }

  /// Settings measured on every image.
  public var complete: [Int] { settings.indices.filter { outcomes[$0].count == images.count } }
}
