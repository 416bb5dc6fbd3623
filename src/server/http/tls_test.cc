#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "pilotfish/error.h"
#include "server/http/testing/raw_client.h"
#include "server/http/testing/running_server.h"
#include "test_data.h"

namespace pilotfish::server {
namespace {

using testing::get;
using testing::RawClient;
using testing::RunningServer;

// A key, and a certificate that it has signed itself.
void write_certificate(const std::filesystem::path& certificate,
                       const std::filesystem::path& key) {
  EVP_PKEY* pair = EVP_EC_gen("P-256");
  X509* x509 = X509_new();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), 0);
  X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
  X509_set_pubkey(x509, pair);
  X509_NAME* name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(
      name, "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(x509, name);
  X509_sign(x509, pair, EVP_sha256());
  std::FILE* file = std::fopen(certificate.c_str(), "w");
  PEM_write_X509(file, x509);
  std::fclose(file);
  file = std::fopen(key.c_str(), "w");
  PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(x509);
  EVP_PKEY_free(pair);
}

class Tls : public ::testing::Test {
 protected:
  Tls() { write_certificate(certificate_, key_); }

  HttpOptions options() const {
    HttpOptions options = RunningServer::options_with();
    options.tls_certificates = certificate_;
    options.tls_key = key_;
    return options;
  }
  static void answer(const std::shared_ptr<Exchange>& exchange) {
    if (exchange->request().path == "/stream") {
      exchange->begin_stream({.body = "one "});
      exchange->write("two");
      return exchange->end();
    }
    exchange->respond({.body = exchange->request().body});
  }

  const test::TemporaryFolder folder_;
  const std::filesystem::path certificate_ = folder_.path() / "cert.pem";
  const std::filesystem::path key_ = folder_.path() / "key.pem";
};

TEST_F(Tls, AnswersAndStreams) {
  RunningServer server(options(), {answer});
  EXPECT_TRUE(server.server().addresses()[0].starts_with("https://"));
  RawClient client(server.port());
  client.start_tls();
  const std::string large(3 << 20, 'x');
  for (int i = 0; i < 2; ++i) {
    client.send(testing::post("/", large));
    EXPECT_EQ(client.read_response()->body, large);
  }
  client.send(get("/stream", "Connection: close\r\n"));
  EXPECT_EQ(client.read_response()->body, "one two");
  EXPECT_EQ(client.read_to_end(), "");
  client.close();
  EXPECT_TRUE(server.wait_for_connections(0));
}

TEST_F(Tls, ARefusedBodysSenderIsToldSo) {
  HttpOptions small = options();
  small.limits.body_bytes = 1000;
  small.limits.to_close = std::chrono::minutes(10);
  RunningServer server(small, {answer});
  RawClient client(server.port());
  client.start_tls();
  ASSERT_TRUE(client.send(testing::post("/", std::string(4 << 20, 'x'))));
  EXPECT_EQ(client.read_response()->status, 413);
}

TEST_F(Tls, ClientsThatSpeakPlainlyAreCutOff) {
  RunningServer server(options(), {answer});
  RawClient plain(server.port());
  plain.send(get("/"));
  EXPECT_EQ(plain.read_response(), std::nullopt);
  RawClient gone(server.port());
  gone.close();
  EXPECT_TRUE(server.wait_for_connections(0));
}

TEST_F(Tls, ASlowHandshakeIsCutOff) {
  HttpOptions hasty = options();
  hasty.limits.to_send = std::chrono::milliseconds(20);
  RunningServer server(hasty, {answer});
  RawClient client(server.port());
  EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(Tls, FilesThatCannotBeUsedAreRefused) {
  HttpOptions wrong = options();
  wrong.tls_key.clear();
  EXPECT_THROW(HttpServer(wrong, {answer}), UsageError);
  wrong.tls_key = folder_.path() / "none";
  EXPECT_THROW(HttpServer(wrong, {answer}), UsageError);
  wrong.tls_key = certificate_;
  EXPECT_THROW(HttpServer(wrong, {answer}), UsageError);
  write_certificate(folder_.path() / "other.pem", folder_.path() / "other.key");
  wrong.tls_key = folder_.path() / "other.key";
  EXPECT_THROW(HttpServer(wrong, {answer}), UsageError);
}

}  // namespace
}  // namespace pilotfish::server
