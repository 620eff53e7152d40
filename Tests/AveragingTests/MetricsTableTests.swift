import Testing

@testable import Averaging

@Suite struct MetricsTableTests {
  private func value(_ text: String, _ path: String, key: String? = nil) throws -> Double {
    try MetricsTable(parsing: Array(text.utf8), key: key).value(for: path)
  }

  @Test func everyShapeOfFile() throws {
    #expect(try value("epoch-1.pt\t0.5\nepoch-2.pt\t0.75\n", "run/epoch-2.pt") == 0.75)
    #expect(try value("name\tloss\tacc\r\nepoch-1\t2\t0.5\r\n", "run/epoch-1.pt", key: "acc") == 0.5)
    #expect(try value(#"{"run/a.pt": 3, "b.pt": {"acc": 4}}"#, "run/a.pt", key: "acc") == 3)
    #expect(try value(#"[{"file": "a.pt", "top1": 0.25}]"#, "a.pt", key: "top1") == 0.25)
    #expect(try value("a\tnan\n", "a.pt").isNaN)
  }

  @Test func whatIsWrong() {
    let cases: [(String, String?, MetricsTable.Fault)] = [
      ("a.pt 0.5\n", nil, .malformed(line: 1, reason: "expected a name, a tab and a number")),
      ("a.pt\t0.5\nb.pt\tx\n", nil, .malformed(line: 2, reason: "expected a name, a tab and a number")),
      (
        "name\tloss\tacc\na\t1\t2\n", nil,
        .malformed(line: 1, reason: "several columns: name one with --metric")
      ),
      ("b.pt\t1\n", nil, .missing("a.pt")), ("a.pt\t1\na.pt\t2\n", nil, .ambiguous("a.pt")),
      (#"{"a.pt": {"x": 1}}"#, "y", .malformed(line: nil, reason: "no number under \"y\"")),
      (#"{"a.pt": []}"#, nil, .malformed(line: nil, reason: "expected a number")),
    ]
    for (text, key, fault) in cases {
      #expect(throws: fault) { _ = try value(text, "a.pt", key: key) }
    }
  }

  @Test func bestByDirectionTiesAndNaN() throws {
    let scores = [0.5, .nan, 0.9, 0.7, 0.9, 0.1]
    #expect(try MetricsTable.best(1, of: scores, mode: .max) == [4])
    #expect(try MetricsTable.best(3, of: scores, mode: .max) == [2, 3, 4])
    #expect(try MetricsTable.best(2, of: scores, mode: .min) == [0, 5])
    #expect(throws: MetricsTable.Fault.tooFew(wanted: 6, found: 5)) {
      _ = try MetricsTable.best(6, of: scores, mode: .max)
    }
  }
}
