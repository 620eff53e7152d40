import Platform

/// A plot as SVG text with its size in pixels.
package struct Picture: Sendable {
  package let svg: String
  package let width: Double
  package let height: Double

  package init(svg: String, width: Double, height: Double) {
    self.svg = svg
    self.width = width
    self.height = height
  }
}

/// Reasons that a picture cannot be made.
package enum PictureError: ClassifiedError, Equatable {
  /// The suffix of the path is that of no format known.
  case unknownSuffix(path: String)
  /// The library that draws PNG is not on this machine.
  case noRenderer(path: String)
  /// The library could not draw the picture.
  case failed(path: String)

  package var kind: FailureKind {
    switch self {
    case .unknownSuffix: .usage
    case .noRenderer, .failed: .cannotCreate
    }
  }

  package var description: String {
    switch self {
    case .unknownSuffix(let path): "\(path): expected a picture that ends in .svg or .png"
    case .noRenderer(let path):
      "\(path): PNG is drawn by librsvg 2.46 or newer, which is not here; install it (Debian: librsvg2-2) or name an .svg"
    case .failed(let path): "\(path): librsvg could not draw the picture; name an .svg"
    }
  }
}

/// Pictures in the format that the suffix of their path asks for: `.png`, and SVG otherwise.
///
/// Made before the work that the picture shows, so that a format that cannot be written is refused in time.
///
/// ```swift
/// let encoder = try PictureEncoder(path: "sizes.png")
/// let axes = SVG.axes(x, y, xLabel: "crop, pixels")
/// let svg = SVG.document(width: 400, height: 300, title: "Accuracy", body: axes)
/// let bytes = try encoder.encode(Picture(svg: svg, width: 400, height: 300))
/// ```
package struct PictureEncoder {
  private let path: String
  private let renderer: SVGRenderer?

  /// - Throws: `PictureError` for other suffixes, and for `.png` where no library draws it.
  package init(path: String) throws(PictureError) {
    self.path = path
    if path.ends(in: ".png") {
      guard let renderer = SVGRenderer() else { throw .noRenderer(path: path) }
      self.renderer = renderer
      return
    }
    let name = path.utf8.split(separator: UInt8(ascii: "/")).last ?? path.utf8[...]
    let hasSuffix = name.contains(UInt8(ascii: ".")) && !path.begins(with: "/dev/")
    if hasSuffix && !path.ends(in: ".svg") { throw .unknownSuffix(path: path) }
    renderer = nil
  }

  /// The bytes of the file; PNG has two pixels for each of the picture's, light paper and the fonts of the machine.
  package func encode(_ picture: Picture) throws(PictureError) -> [UInt8] {
    guard let renderer else { return Array(picture.svg.utf8) }
    guard let bytes = renderer.png(picture, scale: 2) else { throw .failed(path: path) }
    return bytes
  }
}

/// librsvg and cairo, loaded when a picture is first asked for: tools that draw none do without them and their fonts.
private struct SVGRenderer {
  private typealias Object = UnsafeMutableRawPointer
  private typealias MakeHandle = @convention(c) (UnsafePointer<UInt8>?, UInt, Object?) -> Object?
  private typealias Render = @convention(c) (Object?, Object?, UnsafePointer<Double>?, Object?) -> Int32
  private typealias MakeSurface = @convention(c) (Int32, Int32, Int32) -> Object?
  private typealias MakeContext = @convention(c) (Object?) -> Object?
  private typealias Status = @convention(c) (Object?) -> Int32
  private typealias Release = @convention(c) (Object?) -> Void
  private typealias Sink = @convention(c) (Object?, UnsafePointer<UInt8>?, UInt32) -> Int32
  private typealias Write = @convention(c) (Object?, Sink?, Object?) -> Int32

  private let makeHandle: MakeHandle
  private let render: Render
  private let releaseHandle: Release
  private let makeSurface: MakeSurface
  private let surfaceStatus: Status
  private let releaseSurface: Release
  private let makeContext: MakeContext
  private let releaseContext: Release
  private let write: Write

  private static let names = ["librsvg-2.so.2", "librsvg-2.2.dylib"]
  /// Pixels of a side that cairo draws at most.
  private static let longestSide = 32767.0

  /// Nil where the library is missing or too old.
  init?() {
    // Never closed: GLib cannot be unloaded. Symbols of cairo and GObject are found through the library that needs them.
    var library: UnsafeMutableRawPointer?
    for name in Self.names where library == nil { library = dlopen(name, RTLD_NOW | RTLD_LOCAL) }
    guard let library,
      let makeHandle = dlsym(library, "rsvg_handle_new_from_data"),
      let render = dlsym(library, "rsvg_handle_render_document"),
      let releaseHandle = dlsym(library, "g_object_unref"),
      let makeSurface = dlsym(library, "cairo_image_surface_create"),
      let surfaceStatus = dlsym(library, "cairo_surface_status"),
      let releaseSurface = dlsym(library, "cairo_surface_destroy"),
      let makeContext = dlsym(library, "cairo_create"),
      let releaseContext = dlsym(library, "cairo_destroy"),
      let write = dlsym(library, "cairo_surface_write_to_png_stream")
    else { return nil }
    self.makeHandle = unsafeBitCast(makeHandle, to: MakeHandle.self)
    self.render = unsafeBitCast(render, to: Render.self)
    self.releaseHandle = unsafeBitCast(releaseHandle, to: Release.self)
    self.makeSurface = unsafeBitCast(makeSurface, to: MakeSurface.self)
    self.surfaceStatus = unsafeBitCast(surfaceStatus, to: Status.self)
    self.releaseSurface = unsafeBitCast(releaseSurface, to: Release.self)
    self.makeContext = unsafeBitCast(makeContext, to: MakeContext.self)
    self.releaseContext = unsafeBitCast(releaseContext, to: Release.self)
    self.write = unsafeBitCast(write, to: Write.self)
  }

  /// The picture as PNG; nil where the library fails.
  ///
  /// - Parameter scale: pixels for each of the picture's.
  func png(_ picture: Picture, scale: Double) -> [UInt8]? {
    let (width, height) = ((picture.width * scale).rounded(.up), (picture.height * scale).rounded(.up))
    guard width >= 1, height >= 1, width <= Self.longestSide, height <= Self.longestSide else { return nil }
    let text = Array(picture.svg.utf8)
    guard let handle = text.withUnsafeBufferPointer({ makeHandle($0.baseAddress, UInt($0.count), nil) })
    else { return nil }
    defer { releaseHandle(handle) }
    // Format 0 is ARGB32. Neither constructor returns nil; a surface without memory has an error status.
    guard let surface = makeSurface(0, Int32(width), Int32(height)) else { return nil }
    defer { releaseSurface(surface) }
    guard surfaceStatus(surface) == 0, let context = makeContext(surface) else { return nil }
    defer { releaseContext(context) }
    let viewport = [0, 0, width, height]
    guard viewport.withUnsafeBufferPointer({ render(handle, context, $0.baseAddress, nil) }) != 0 else {
      return nil
    }
    var png: [UInt8] = []
    let append: Sink = { target, bytes, count in
      guard let target, let bytes else { return 11 }  // CAIRO_STATUS_WRITE_ERROR
      target.assumingMemoryBound(to: [UInt8].self).pointee.append(
        contentsOf: UnsafeBufferPointer(start: bytes, count: Int(count)))
      return 0
    }
    let status = withUnsafeMutablePointer(to: &png) { write(surface, append, UnsafeMutableRawPointer($0)) }
    return status == 0 ? png : nil
  }
}
