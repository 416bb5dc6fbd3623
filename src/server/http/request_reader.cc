#include "server/http/request_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <limits>
#include <string_view>
#include <utility>

#include "server/http/target.h"

namespace pilotfish::server {
namespace {

namespace http = boost::beast::http;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace

struct RequestReader::Parser {
  http::request_parser<http::string_body> request;
};

RequestReader::RequestReader(std::size_t header_bytes, std::size_t body_bytes)
    : header_bytes_(header_bytes),
      body_bytes_(body_bytes),
      parser_(std::make_unique<Parser>()) {
  // read() has limits of its own: where the parser's lies depends on the pieces
  // that a header comes in, and a body's length is not known yet.
  parser_->request.header_limit(std::numeric_limits<std::uint32_t>::max());
  parser_->request.body_limit(boost::none);
}

RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::read(std::string& input) {
  auto& parser = parser_->request;
  while (!parser.is_done()) {
    boost::system::error_code error;
    const std::size_t taken =
        parser.put(boost::asio::buffer(std::as_const(input)), error);
    input.erase(0, taken);
    if (!header_done_) {
      header_taken_ += taken;
      const bool is_whole = parser.is_header_done();
      if (header_taken_ + (is_whole ? 0 : input.size()) > header_bytes_) {
        return refuse(431, "");
      }
    }
    if (error == http::error::need_more) {
      // Of a chunk's header no limit of the parser's tells.
      if (input.size() <= header_bytes_) return State::kMore;
      return refuse(400, "a chunk's header is too long");
    }
    if (error == http::error::body_limit) return refuse(413, "");
    if (error == http::error::bad_version) {
      return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    }
    if (error) {
      return refuse(400, fmt::format("this is not HTTP: {}", error.message()));
    }
    if (parser.is_header_done() && !header_done_) return read_header();
    if (input.empty() && !parser.is_done()) return State::kMore;
  }
  request_.body = std::move(parser.get().body());
  return State::kDone;
}

RequestReader::State RequestReader::read_header() {
  header_done_ = true;
  auto& parser = parser_->request;
  parser.eager(true);
  const auto& message = parser.get();
  request_.method = std::string(message.method_string());
  for (const auto& field : message) {
    std::string& value = request_.headers[lower_case(field.name_string())];
    if (!value.empty()) value += ", ";
    value += std::string_view(field.value().data(), field.value().size());
  }
  const std::string_view text(message.target().data(), message.target().size());
  auto target = parse_target(text);
  if (!target) return refuse(400, "the request's target is not a path");
  request_.path = std::move(target->path);
  request_.query = std::move(target->query);

  if (knows_chunks() && !request_.headers.contains("host")) {
    return refuse(400, "the header Host is missing");
  }
  const auto coding = request_.headers.find("transfer-encoding");
  if (coding != request_.headers.end() &&
      lower_case(coding->second) != "chunked") {
    return refuse(501, "the only Transfer-Encoding understood is chunked");
  }
  const auto expect = request_.headers.find("expect");
  if (expect != request_.headers.end() && !expects_continue()) {
    return refuse(417, "the only Expect understood is 100-continue");
  }
  if (parser.content_length().value_or(0) > body_bytes_) return refuse(413, "");
  parser.body_limit(body_bytes_);
  return State::kHeader;
}

RequestReader::State RequestReader::refuse(int status, std::string message) {
  if (status == 431) {
    message = fmt::format("the header is longer than {} bytes", header_bytes_);
  } else if (status == 413) {
    message = fmt::format("the body is longer than {} bytes", body_bytes_);
  }
  refusal_ = {status, std::move(message)};
  return State::kBad;
}

bool RequestReader::keep_alive() const {
  return parser_->request.get().keep_alive();
}

bool RequestReader::knows_chunks() const {
  return parser_->request.get().version() >= 11;
}

bool RequestReader::expects_continue() const {
  const auto found = request_.headers.find("expect");
  return knows_chunks() && found != request_.headers.end() &&
         lower_case(found->second) == "100-continue";
}

bool RequestReader::has_body() const {
  return parser_->request.chunked() ||
         parser_->request.content_length().value_or(0) > 0;
}

}  // namespace pilotfish::server
