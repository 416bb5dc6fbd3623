#ifndef PILOTFISH_CLI_TEXT_WRITER_H_
#define PILOTFISH_CLI_TEXT_WRITER_H_

#include <string>

#include "pilotfish/engine.h"

namespace pilotfish::cli {

// Streams a text to standard output as its pieces come; token ids separated by
// spaces where the model has no tokenizer.
class TextWriter {
 public:
  // `show_origins`: each piece in the colour of where its token came from, or,
  // where there are no colours, with brackets around it.
  TextWriter(bool has_text, bool show_origins);

  void write(const Piece& piece);
  // Leaves the terminal at the start of a line. What is redirected gets no
  // extra line break.
  void finish();

  // What the colours or brackets mean.
  std::string legend() const;

 private:
  std::string marked(const std::string& text, Origin origin) const;

  bool has_text_;
  bool show_origins_;
  bool colours_;
  bool first_ = true;
  bool line_open_ = false;
};

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_TEXT_WRITER_H_
