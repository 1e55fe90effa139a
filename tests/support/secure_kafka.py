"""A broker that is spoken to as brokers are in earnest: by TLS, with a certificate of one's own or with a password."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from k8s.access import Principal
from sandbox.broker import EmbeddedKafka
from sandbox.ports import free_port


__all__ = ["PASSWORD", "USER", "SecureKafka"]

USER: Final = "ingest"
PASSWORD: Final = "canary-password"  # noqa: S105 - of the tests
_BEGIN: Final = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
_END: Final = datetime.datetime(2120, 1, 1, tzinfo=datetime.UTC)


class Authority:
    """Signs certificates, which it writes into a directory as PEM."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        own = self._builder(self._name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        key_identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        certificate = own.add_extension(key_identifier, critical=False).sign(self._key, hashes.SHA256())
        self.file = directory / "ca.crt"
        self.file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(self, name: str, address: str) -> tuple[Path, Path]:
        """Write a certificate for an address, and its key; returns their files."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            self._builder(subject, key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
            .add_extension(identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        certificate_file, key_file = self._directory / f"{name}.crt", self._directory / f"{name}.key"
        certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate_file, key_file

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        return builder.serial_number(x509.random_serial_number()).not_valid_before(_BEGIN).not_valid_after(_END)


class SecureKafka(EmbeddedKafka):
    """An embedded broker with two more listeners; the plain one is for what the test itself does.

    Args:
        data_dir: as of any; certificates go beside it.
        rights: whether who shows a certificate may do what it was allowed, and nothing else.
    """

    def __init__(self, data_dir: Path, *, rights: bool = False) -> None:
        super().__init__(data_dir, port=0)
        self._rights = rights
        data_dir.mkdir(parents=True, exist_ok=True)
        self.authority = Authority(data_dir.parent)
        self._server = self.authority.issue("broker", "127.0.0.1")
        self.client = self.authority.issue("client", "127.0.0.1")
        self._tls_port, self._password_port = free_port("127.0.0.1"), free_port("127.0.0.1")

    @property
    def by_certificate(self) -> dict[str, str]:
        """The environment of who shows a certificate."""
        return self._access(*self.client)

    def allow(self, principals: Iterable[Principal]) -> dict[str, dict[str, str]]:
        """Give everybody a certificate and the rights; returns the environment of each, by name."""
        people = list(principals)
        acls = [acl for one in people for acl in _acls(one)]
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        for future in client.create_acls(acls, request_timeout=60).values():
            future.result(60)
        return {one.name: self._access(*self.authority.issue(one.name, "127.0.0.1")) for one in people}

    def _access(self, certificate: Path, key: Path) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self._tls_port}",
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CA_FILE": str(self.authority.file),
            "KAFKA_SSL_CERTIFICATE_FILE": str(certificate),
            "KAFKA_SSL_KEY_FILE": str(key),
        }

    @property
    def by_password(self) -> dict[str, str]:
        """The environment of who shows a password."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self._password_port}",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_USERNAME": USER,
            "KAFKA_SASL_PASSWORD": PASSWORD,
            "KAFKA_SSL_CA_FILE": str(self.authority.file),
        }

    def add_user(self) -> None:
        """Let the broker know the user."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(USER, info, PASSWORD.encode())
        client = AdminClient(
            {"bootstrap.servers": self.bootstrap_servers}
        )  # answers go with it: it must not be collected
        client.alter_user_scram_credentials([change])[USER].result(20)

    def _properties(self, controller_port: int) -> str:
        plain = dict(line.split("=", 1) for line in super()._properties(controller_port).splitlines())
        more = f",TLS://127.0.0.1:{self._tls_port},PASSWORD://127.0.0.1:{self._password_port}"
        chain = self.data_dir / "broker.pem"
        chain.write_text("".join(path.read_text() for path in reversed(self._server)))
        secure = plain | {
            "listeners": plain["listeners"] + more,
            "advertised.listeners": plain["advertised.listeners"] + more,
            "listener.security.protocol.map": f"{plain['listener.security.protocol.map']},TLS:SSL,PASSWORD:SASL_SSL",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(chain),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.file),
            "listener.name.tls.ssl.client.auth": "required",
            "listener.name.password.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.password.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
        }
        if self._rights:
            secure |= {
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "allow.everyone.if.no.acl.found": "false",
                # Who comes by the plain listeners: the broker itself, and the test.
                "super.users": "User:ANONYMOUS",
            }
        return "".join(f"{key}={value}\n" for key, value in secure.items())


def _acls(principal: Principal) -> Iterable[AclBinding]:
    for right in principal.rights:
        pattern = ResourcePatternType.PREFIXED if right.prefix else ResourcePatternType.LITERAL
        for operation in right.operations:
            yield AclBinding(
                ResourceType[right.resource.upper()],
                right.name,
                pattern,
                f"User:CN={principal.name}",
                "*",
                AclOperation[operation.upper()],
                AclPermissionType.ALLOW,
            )
