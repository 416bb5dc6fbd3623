// Many threads, one engine: each prompt of the command line is a request of its
// own, and its text is the one that it would have alone.
//
//   service_example models/pilotfish-stories "Once upon a time" "The cat"

#include <pilotfish/pair.h>
#include <pilotfish/service.h>

#include <iostream>
#include <string>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 2) return 2;
  const pilotfish::Pair pair = pilotfish::open_pair({.target = arguments[0]});
  pilotfish::Service service(std::make_unique<pilotfish::Engine>(
      pair.target, pair.draft, pair.tokenizer,
      pilotfish::EngineOptions{.max_sequences = 4, .drafters = {"ngram"}}));

  std::vector<std::string> texts(arguments.size());
  std::vector<std::thread> threads;
  for (size_t i = 1; i < arguments.size(); ++i) {
    threads.emplace_back([&, i] {
      pilotfish::Request request;
      request.prompt = prompt_tokens(pair, arguments[i]);
      request.max_tokens = 40;
      pilotfish::Ticket ticket = service.submit(std::move(request));
      texts[i] = arguments[i] + ticket.result().text;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 1; i < texts.size(); ++i) std::cout << texts[i] << "\n\n";
}
