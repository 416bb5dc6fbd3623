// Generates speculatively: generate TARGET DRAFT PROMPT
#include <cstdio>

#include "pilotfish/engine.h"
#include "pilotfish/error.h"

int main(int argc, char** argv) try {
  if (argc != 4) throw pilotfish::UsageError("give TARGET DRAFT PROMPT");
  pilotfish::LoadOptions load;
  load.threads = pilotfish::make_threads();  // one team for both models
  const auto target = pilotfish::Model::load(argv[1], load);
  const auto draft = pilotfish::Model::load(argv[2], load);
  const auto tokenizer = pilotfish::Tokenizer::load(argv[1]);

  pilotfish::Engine engine(target, draft, tokenizer);
  pilotfish::Request request;
  request.prompt = tokenizer->encode(argv[3]);
  request.sampling.temperature = 0.8;
  const auto print = [](const pilotfish::Piece& piece) {
    std::fwrite(piece.text.data(), 1, piece.text.size(), stdout);
    return true;
  };
  const auto result = engine.generate(request, print);
  std::fprintf(stderr, "\n%.2f tokens a pass\n",
               result.stats.summary.tokens_per_pass());
} catch (const std::exception& error) {
  std::fprintf(stderr, "generate: %s\n", error.what());
  return 1;
}
