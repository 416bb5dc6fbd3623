#ifndef PILOTFISH_SERVER_HTTP_REQUEST_READER_H_
#define PILOTFISH_SERVER_HTTP_REQUEST_READER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "server/exchange.h"

namespace pilotfish::server {

// Reads one request from bytes as they come. Boost.Beast, which parses them,
// stays in request_reader.cc: its headers take seconds to compile.
class RequestReader {
 public:
  enum class State {
    kMore,    // the input was too short
    kHeader,  // the header is complete, and its body is next; told once
    kDone,
    kBad,  // `refusal` says why
  };
  struct Refusal {
    int status = 400;
    std::string message;
  };

  RequestReader(std::size_t header_bytes, std::size_t body_bytes);
  ~RequestReader();

  // Takes from the front of `input` what belongs to the request. Requires: the
  // last call returned kMore or kHeader.
  State read(std::string& input);

  const Refusal& refusal() const { return refusal_; }
  // Empty until kHeader; its body until kDone. Of kBad, what there is.
  const HttpRequest& request() const { return request_; }
  HttpRequest take_request() { return std::move(request_); }

  // From kHeader on.
  bool keep_alive() const;
  bool knows_chunks() const;  // HTTP/1.1
  bool expects_continue() const;
  bool has_body() const;

 private:
  struct Parser;
  State refuse(int status, std::string message);
  State read_header();

  std::size_t header_bytes_;
  std::size_t body_bytes_;
  std::unique_ptr<Parser> parser_;
  std::size_t header_taken_ = 0;  // bytes of the header so far
  bool header_done_ = false;
  HttpRequest request_;
  Refusal refusal_;
};

}  // namespace pilotfish::server

#endif  // PILOTFISH_SERVER_HTTP_REQUEST_READER_H_
