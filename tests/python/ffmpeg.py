"""FFmpeg's own WHIP muxer, by way of PyAV, which is built with it."""

import datetime
import pathlib
import time
from fractions import Fraction

import av
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

RATE = 20


def certificate(directory):
    """Files with a P-256 key and its certificate: FFmpeg's builds on GnuTLS make a P-224 one, which DTLS does not take."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ffmpeg")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
    signed = builder.not_valid_after(now + datetime.timedelta(days=7)).sign(key, hashes.SHA256())
    cert_file, key_file = pathlib.Path(directory) / "cert.pem", pathlib.Path(directory) / "key.pem"
    cert_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
    return {"cert_file": str(cert_file), "key_file": str(key_file)}


def publish(url, directory, until, luma=180):
    """Publishes pictures of one brightness with sound until `until` is set; H.264 baseline and Opus."""
    # Plenum is the DTLS server, as RFC 9725 has it by default; FFmpeg wants to be that too unless told otherwise.
    container = av.open(url, "w", format="whip", options={"whip_flags": "dtls_active", **certificate(directory)})
    options = {"tune": "zerolatency", "preset": "ultrafast", "profile": "baseline", "bf": "0"}
    video = container.add_stream("libx264", rate=RATE, options=options)
    video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
    video.codec_context.gop_size = RATE
    audio = container.add_stream("libopus", rate=48000, layout="stereo")
    start, pictures, sounds = time.monotonic(), 0, 0
    while not until.is_set():
        picture = av.VideoFrame(320, 240, "yuv420p")
        for index, plane in enumerate(picture.planes):
            plane.update(bytes([luma if index == 0 else 128]) * plane.buffer_size)
        picture.pts, picture.time_base = pictures, Fraction(1, RATE)
        pictures += 1
        container.mux(video.encode(picture))
        while sounds * RATE < pictures * 50:
            sound = av.AudioFrame(format="s16", layout="stereo", samples=960)
            sound.planes[0].update((b"\x00\x10\x00\x10" * 48 + b"\x00\xf0\x00\xf0" * 48) * 10)
            sound.pts, sound.sample_rate, sound.time_base = sounds * 960, 48000, Fraction(1, 48000)
            sounds += 1
            container.mux(audio.encode(sound))
        time.sleep(max(0, start + pictures / RATE - time.monotonic()))
    container.close()
