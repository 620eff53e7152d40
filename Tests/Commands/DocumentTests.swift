import Checkpoint
import Foundation
import TestSupport
import Testing

@testable import Command

/// Reports for people: pages, model cards and the lines of usage errors.
@Suite struct DocumentTests {
  private let document = Document(
    title: "A <b> & \"c\"",
    [
      .list(["one | two\nthree"]),
      .table(headings: ["name", "top-1"], rows: [["a_b", "10.5 %"], ["<i>", "9"]]),
      .picture("<svg/>"), .heading("Next"), .commands("ckpt-info 'a b' | cat"),
    ])

  @Test func markdownEscapesAndAligns() {
    #expect(
      document.markdown == #"""
        # A \<b\> & "c"

        - one \| two three

        | name | top-1 |
        | --- | ---: |
        | a\_b | 10.5 % |
        | \<i\> | 9 |

        ## Next

        ```sh
        ckpt-info 'a b' | cat
        ```

        """#)
  }

  @Test func pagesNeedNothingFromElsewhere() {
    let page = document.html
    #expect(page.hasPrefix("<!doctype html>\n") && page.hasSuffix("</html>\n"))
    #expect(page.contains("<h1>A &lt;b&gt; &amp; &quot;c&quot;</h1>"))
    #expect(page.contains("<td>a_b</td><td class=\"number\">10.5 %</td>"))
    #expect(page.contains("<figure><svg/></figure>") && !page.contains("http"))
  }

  @Test func reportsOfEveryToolArePagesAndCardsByTheirSuffix() throws {
    let folder = try TemporaryFolder()
    let (run, train, val) = (Fixtures.path("run"), Fixtures.path("digits/train"), Fixtures.path("digits/val"))
    let model = run + "/epoch-104.safetensors"
    let commands = [
      ["ckpt-average", "--series", run, "-o", "/dev/null"],
      ["ckpt-bnfix", model, "--data", train, "--num-batches", "2", "-o", "/dev/null"],
      ["ckpt-fixres", model, "--data", val, "--epochs", "1", "-o", "/dev/null"],
      ["ckpt-sweep", model, "--data", val, "--crop", "48,64", "--limit", "90"],
    ]
    for command in commands {
      for suffix in ["html", "md"] {
        let path = folder.file("report.\(suffix)")
        let outcome = try Tool.run(
          command[0], Array(command.dropFirst()) + ["--quiet", "--report", path])
        #expect(outcome.status == 0, "\(outcome.messages)")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.contains(command[0]) && text.contains("To repeat it"), "\(text.prefix(200))")
        #expect(!text.contains("http://") || text.contains("<svg xmlns="), "\(command)")
        if suffix == "html" {
          let hasPicture = ["ckpt-fixres", "ckpt-sweep"].contains(command[0])
          #expect(text.contains("<svg") == hasPicture)
        }
      }
    }
  }

  @Test func wordsForAShell() {
    #expect(
      ["a-b", "", "a b", "it's", "$x"].map(shellWord) == ["a-b", "''", "'a b'", #"'it'\''s'"#, "'$x'"])
  }

  @Test(arguments: [
    ("ckpt-sweep a --data b --json", "unknown option '--json'; use --format json"),
    ("ckpt-bnfix a --data b --img-size 3", "unknown option '--img-size'; use --crop"),
    ("ckpt-info --img-size 3", "unknown option '--img-size'; see ckpt-info --help"),
    (
      "ckpt-info a --tolerance",
      "missing value for '--tolerance <x>' (diff: largest absolute difference that counts as equal); see ckpt-info --help"
    ),
    (
      "ckpt-average RUN/epoch-95.safetensors RUN/epoch-96.safetensors --weights 0.3,0.7 -o c",
      "--weights has no meaning for method mean; --method weights takes it"
    ),
    (
      "ckpt-sweep a --data b --crop 64 96",
      "'96' is no checkpoint; separate sizes by commas, as in --crop 224,96"
    ),
    ("ckpt-info diff a", "diff compares two checkpoints, not 1"),
    (
      "ckpt-info a --format x",
      "the value 'x' is invalid for '--format <format>'; expected one of 'table' and 'json'"
    ),
    (
      "ckpt-convert a --dtype int3",
      "the value 'int3' is invalid for '--dtype <dtype>'; expected one of same, f32, f16, bf16, f64, f8_e4m3, f8_e5m2"
    ),
  ])
  func usageErrorsAreOneLine(_ command: String, _ line: String) throws {
    let words = command.replacing("RUN", with: Fixtures.path("run")).split(separator: " ").map(String.init)
    let outcome = try Tool.run(words[0], Array(words.dropFirst()))
    #expect(outcome.status == 64)
    #expect(outcome.messages == "\(words[0]): \(line)\n")
  }

  @Test func threadsFollowTheAffinityMask() throws {
    let model = Fixtures.path("run/epoch-104.safetensors")
    let outcome = try Tool.shell("taskset -c 0 ckpt-info stats -v '\(model)'")
    #expect(outcome.status == 0 && outcome.messages.contains("1 thread\n"), "\(outcome.messages)")
  }

  @Test func namesOfTypesInPyTorch() throws {
    let folder = try TemporaryFolder()
    let model = Fixtures.path("run/epoch-104.safetensors")
    for (name, dtype) in [("fp16", DType.f16), ("bfloat16", .bf16), ("half", .f16), ("double", .f64)] {
      let out = folder.file(name)
      #expect(try Tool.run("ckpt-convert", [model, "--dtype", name, "-o", out, "-q"]).status == 0)
      #expect(try openCheckpoint(.path(out)).spec("fc.weight")?.dtype == dtype)
    }
  }
}
