//! Frames of the WebSocket protocol (RFC 6455), read from and written to buffers.

use crate::close::{CloseCode, Closed};
use bytes::{Buf, BytesMut};
use std::io::Cursor;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The greatest payload of a ping, pong or close frame.
const MAX_CONTROL: usize = 125;

/// While a frame is announced and has not arrived, at most this much memory is set aside for it.
const EAGER: usize = 64 << 10;

/// Which end of the connection this is: clients mask what they send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// What a peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Message(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Closed),
}

/// Puts messages together from what arrives, however it is cut.
#[derive(Debug)]
pub(crate) struct Decoder {
    role: Role,
    max_message: usize,
    frame: Option<OpenFrame>,
    /// The message so far, while its last frame is still to come.
    message: Option<Vec<u8>>,
    control: Vec<u8>,
    frames: u32,
}

/// A frame whose header was read.
#[derive(Debug)]
struct OpenFrame {
    opcode: OpCode,
    is_final: bool,
    remaining: usize,
    mask: [u8; 4],
    /// The number of payload bytes so far, modulo 4: where in the mask we are.
    phase: usize,
}

impl Decoder {
    pub(crate) fn new(role: Role, max_message: usize) -> Decoder {
        Decoder { role, max_message, frame: None, message: None, control: Vec::new(), frames: 0 }
    }

    /// Takes what it can from `input`. `None`: more has to arrive first.
    ///
    /// # Errors
    ///
    /// The reason to close the connection with; the decoder is not to be used again then.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Incoming>, Closed> {
        loop {
            if self.frame.is_none() {
                let mut cursor = Cursor::new(&input[..]);
                let header =
                    FrameHeader::parse(&mut cursor).map_err(|e| violation(e.to_string()))?;
                let Some((header, length)) = header else { return Ok(None) };
                let read = cursor.position() as usize;
                input.advance(read);
                self.frame = Some(self.open(&header, length)?);
                self.frames = self.frames.saturating_add(1);
            }
            let frame = self.frame.as_mut().expect("invariant: opened above");
            let control = matches!(frame.opcode, OpCode::Control(_));
            let target = match &mut self.message {
                Some(message) if !control => message,
                _ => &mut self.control,
            };
            let arrived = frame.remaining.min(input.len());
            let begin = target.len();
            target.extend_from_slice(&input[..arrived]);
            input.advance(arrived);
            unmask(&mut target[begin..], frame.mask, frame.phase);
            frame.phase = (frame.phase + arrived) % 4;
            frame.remaining -= arrived;
            if frame.remaining > 0 {
                return Ok(None);
            }
            let frame = self.frame.take().expect("invariant: opened above");
            match frame.opcode {
                OpCode::Control(kind) => {
                    let payload = std::mem::take(&mut self.control);
                    return finish_control(kind, payload).map(Some);
                }
                OpCode::Data(_) if frame.is_final => {
                    let message = self.message.take().expect("invariant: a data frame has one");
                    return Ok(Some(Incoming::Message(message)));
                }
                OpCode::Data(_) => {}
            }
        }
    }

    /// How many bytes of the frame under way are still to come.
    pub(crate) fn awaited(&self) -> usize {
        self.frame.as_ref().map_or(0, |frame| frame.remaining)
    }

    /// The number of frames that began since the last call.
    pub(crate) fn take_frames(&mut self) -> u32 {
        std::mem::take(&mut self.frames)
    }

    /// Checks a header against the rules and prepares for the payload.
    fn open(&mut self, header: &FrameHeader, length: u64) -> Result<OpenFrame, Closed> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(violation("a reserved bit is set"));
        }
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(violation("a frame of the client is not masked")),
            (Role::Client, Some(_)) => return Err(violation("a frame of the server is masked")),
            _ => {}
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        match header.opcode {
            OpCode::Control(_) => {
                if !header.is_final || length > MAX_CONTROL {
                    return Err(violation("a control frame is fragmented or too large"));
                }
                self.control.clear();
            }
            OpCode::Data(kind) => {
                match (kind, &self.message) {
                    (Data::Text, _) => {
                        let reason = "only binary messages are understood";
                        return Err(Closed::by_us(CloseCode::UNSUPPORTED, reason));
                    }
                    (Data::Continue, None) => return Err(violation("nothing to continue")),
                    (Data::Binary, Some(_)) => return Err(violation("a message was not finished")),
                    _ => {}
                }
                let so_far = self.message.as_ref().map_or(0, Vec::len);
                if length > self.max_message - so_far {
                    let reason = format!("a message is longer than {} bytes", self.max_message);
                    return Err(Closed::by_us(CloseCode::TOO_LARGE, reason));
                }
                self.message.get_or_insert_default().reserve(length.min(EAGER));
            }
        }
        Ok(OpenFrame {
            opcode: header.opcode,
            is_final: header.is_final,
            remaining: length,
            mask: header.mask.unwrap_or_default(),
            phase: 0,
        })
    }
}

/// Appends a whole frame to `output`; `mask` is given by clients.
pub(crate) fn encode(opcode: OpCode, payload: &[u8], mask: Option<[u8; 4]>, output: &mut Vec<u8>) {
    encode_header(opcode, payload.len(), mask, output);
    let begin = output.len();
    output.extend_from_slice(payload);
    unmask(&mut output[begin..], mask.unwrap_or_default(), 0);
}

/// Appends the header of a frame whose payload is written separately.
pub(crate) fn encode_header(
    opcode: OpCode,
    length: usize,
    mask: Option<[u8; 4]>,
    output: &mut Vec<u8>,
) {
    let header = FrameHeader { is_final: true, opcode, mask, ..FrameHeader::default() };
    header.format(length as u64, output).expect("invariant: writing to memory does not fail");
}

/// The payload of a close frame.
pub(crate) fn close_payload(closed: &Closed) -> Vec<u8> {
    if !closed.code.is_sendable() {
        return Vec::new();
    }
    let mut payload = closed.code.0.to_be_bytes().to_vec();
    let end = closed.reason.floor_char_boundary(MAX_CONTROL - payload.len());
    payload.extend_from_slice(&closed.reason.as_bytes()[..end]);
    payload
}

/// Masks or unmasks `bytes`, which begin at `phase` (modulo 4) of their frame.
pub(crate) fn unmask(bytes: &mut [u8], mask: [u8; 4], phase: usize) {
    if mask == [0; 4] {
        return;
    }
    let mut mask = mask;
    mask.rotate_left(phase % 4);
    let mut words = bytes.chunks_exact_mut(4);
    for word in words.by_ref() {
        for (byte, mask) in word.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

fn finish_control(kind: Control, payload: Vec<u8>) -> Result<Incoming, Closed> {
    match kind {
        Control::Ping => Ok(Incoming::Ping(payload)),
        Control::Pong => Ok(Incoming::Pong),
        Control::Close => {
            let (code, reason) = match payload.as_slice() {
                [] => (CloseCode::NO_STATUS, ""),
                [_] => return Err(violation("a close code is cut short")),
                [a, b, reason @ ..] => {
                    let reason = std::str::from_utf8(reason)
                        .map_err(|_| violation("a close reason is not text"))?;
                    let code = CloseCode(u16::from_be_bytes([*a, *b]));
                    if !code.is_sendable() {
                        return Err(violation("a close code that cannot be sent"));
                    }
                    (code, reason)
                }
            };
            Ok(Incoming::Close(Closed { code, reason: reason.to_owned(), by_peer: true }))
        }
        Control::Reserved(_) => Err(violation("an unknown kind of frame")),
    }
}

fn violation(reason: impl Into<String>) -> Closed {
    Closed::by_us(CloseCode::PROTOCOL, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BINARY: OpCode = OpCode::Data(Data::Binary);

    fn decode_in_pieces(
        bytes: &[u8],
        sizes: &[usize],
        role: Role,
    ) -> Result<Vec<Incoming>, Closed> {
        let mut decoder = Decoder::new(role, 1 << 20);
        let mut input = BytesMut::new();
        let mut all = Vec::new();
        let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(sizes.next().copied().unwrap_or(1).min(rest.len()));
            input.extend_from_slice(now);
            rest = later;
            while let Some(incoming) = decoder.next(&mut input)? {
                all.push(incoming);
            }
        }
        Ok(all)
    }

    fn code_of(bytes: &[u8], role: Role) -> u16 {
        decode_in_pieces(bytes, &[3], role).unwrap_err().code.0
    }

    #[test]
    fn messages_in_fragments_with_a_ping_between_them() {
        let bytes = [
            0x02, 0x02, b'a', b'b', // binary, more to come
            0x89, 0x01, b'p', // ping
            0x00, 0x00, // continuation, empty
            0x80, 0x01, b'c', // continuation, the last
        ];
        let expected = vec![Incoming::Ping(b"p".to_vec()), Incoming::Message(b"abc".to_vec())];
        for size in 1..bytes.len() {
            assert_eq!(decode_in_pieces(&bytes, &[size], Role::Client).unwrap(), expected);
        }
    }

    #[test]
    fn broken_rules_have_their_codes() {
        for (bytes, code) in [
            (&[0x82, 0x00][..], None),
            (&[0x81, 0x01, b'a'], Some(1003)),             // text
            (&[0xc2, 0x00], Some(1002)),                   // reserved bit
            (&[0x83, 0x00], Some(1002)),                   // unknown opcode
            (&[0x80, 0x00], Some(1002)),                   // continues nothing
            (&[0x02, 0x00, 0x82, 0x00], Some(1002)),       // begins twice
            (&[0x09, 0x00], Some(1002)),                   // fragmented ping
            (&[0x89, 0x7e, 0x00, 0x80], Some(1002)),       // large ping
            (&[0x88, 0x01, 0x03], Some(1002)),             // half a close code
            (&[0x88, 0x02, 0x03, 0xed], Some(1002)),       // close code 1005
            (&[0x88, 0x03, 0x03, 0xe8, 0xff], Some(1002)), // close reason not text
            (&[0x82, 0x80, 1, 2, 3, 4], Some(1002)),       // masked by a server
            (&[0x82, 0x7f, 0, 0, 0, 0, 0, 16, 0, 1], Some(1009)), // larger than allowed
            (&[0x82, 0x7f, 0xff, 255, 255, 255, 255, 255, 255, 255], Some(1009)),
        ] {
            let result = decode_in_pieces(bytes, &[1], Role::Client);
            assert_eq!(result.err().map(|closed| closed.code.0), code, "{bytes:x?}");
        }
        assert_eq!(code_of(&[0x82, 0x01, b'a'], Role::Server), 1002);
    }

    #[test]
    fn fragments_add_up_to_the_limit() {
        let mut bytes = Vec::new();
        for _ in 0..2 {
            bytes.extend_from_slice(&[0x02, 0x7f, 0, 0, 0, 0, 0, 0x0c, 0, 0]);
            bytes.extend(std::iter::repeat_n(0, 0xc0000));
            let last = bytes.len() - 0xc0000 - 10;
            if last > 0 {
                bytes[last] = 0x80;
            }
        }
        assert_eq!(code_of(&bytes, Role::Client), 1009);
    }

    #[test]
    fn an_announced_message_takes_no_memory_before_it_arrives() {
        let mut decoder = Decoder::new(Role::Client, 1 << 30);
        let mut input = BytesMut::from(&[0x82, 0x7f, 0, 0, 0, 0, 0x3f, 0, 0, 0][..]);
        assert_eq!(decoder.next(&mut input), Ok(None));
        assert!(decoder.message.as_ref().unwrap().capacity() <= 2 * EAGER);
        assert_eq!(decoder.awaited(), 0x3f00_0000);
    }

    #[test]
    fn a_long_close_reason_is_cut_between_characters() {
        let closed = Closed::by_us(CloseCode::POLICY, "é".repeat(100));
        let payload = close_payload(&closed);
        assert_eq!(payload.len(), 2 + 122);
        assert!(std::str::from_utf8(&payload[2..]).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            mask in prop::option::of(any::<[u8; 4]>()),
            sizes in prop::collection::vec(1usize..50, 1..8),
        ) {
            let mut bytes = Vec::new();
            for message in &messages {
                encode(BINARY, message, mask, &mut bytes);
            }
            let role = if mask.is_some() { Role::Server } else { Role::Client };
            let decoded = decode_in_pieces(&bytes, &sizes, role).unwrap();
            let expected: Vec<Incoming> = messages.into_iter().map(Incoming::Message).collect();
            prop_assert_eq!(decoded, expected);
        }

        #[test]
        fn garbage_is_an_error_or_waits(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            for role in [Role::Client, Role::Server] {
                let _ = decode_in_pieces(&bytes, &[7, 1], role);
            }
        }
    }
}
