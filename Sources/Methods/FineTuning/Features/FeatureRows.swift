/// Some images of a set of features.
struct FeatureRows {
  let maps: FeatureMaps
  /// Indices of the images in `maps`.
  let rows: ArraySlice<Int>

  var count: Int { rows.count }
  var valuesPerChannel: Int { rows.count * maps.shape.positions }
}
