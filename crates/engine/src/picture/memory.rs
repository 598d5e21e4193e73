//! What does decoding a picture take beside its pixels?
//!
//! PNG and GIF account for it themselves. JPEG and WebP do not: their bounds are read off the header here.

use super::{Kind, PictureFlaw};

/// Bytes that the decoder needs beside the decoded pixels, of which there are `pixels`.
///
/// Refused: a JPEG that ends too early; its decoder would fill the rest with grey.
pub fn beside_pixels(bytes: &[u8], kind: Kind, pixels: u64) -> Result<u64, PictureFlaw> {
    match kind {
        Kind::Png | Kind::Gif => Ok(0),
        Kind::Jpeg => {
            jpeg(bytes).map(|coefficients| pixels * coefficients / 4).ok_or(PictureFlaw::NotAPicture)
        }
        // Lossy: three planes at 4:2:0. Lossless or extended: a second picture.
        Kind::WebP if bytes.get(12..16) == Some(b"VP8 ") => Ok(pixels * 3 / 2),
        Kind::WebP => Ok(pixels * 4),
    }
}

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

/// Quarters of a byte per pixel that all coefficients of a JPEG take; nothing if they are not kept. None: no whole JPEG.
fn jpeg(bytes: &[u8]) -> Option<u64> {
    let mut at = 2;
    let mut frame = Frame { in_one_scan: true, components: 0, quarters: 0 };
    loop {
        // ITU-T T.81 B.1.1.2: any number of 0xff may stand before the marker.
        let marker = match *bytes.get(at..at + 2)? {
            [0xff, 0xff] => {
                at += 1;
                continue;
            }
            [0xff, marker] => marker,
            _ => return None,
        };
        let length = usize::from(u16::from_be_bytes(bytes.get(at + 2..at + 4)?.try_into().ok()?));
        let segment = bytes.get(at + 4..at + 2 + length)?;
        at += 2 + length;
        match marker {
            0xc0..=0xc2 => frame = Frame::read(marker, segment)?,
            START_OF_SCAN => {
                bytes.get(at..)?.windows(2).find(|pair| *pair == END_OF_IMAGE)?;
                let whole = frame.in_one_scan && *segment.first()? == frame.components;
                return Some(if whole { 0 } else { frame.quarters });
            }
            _ => {}
        }
    }
}

/// The frame header (ITU-T T.81 B.2.2).
struct Frame {
    in_one_scan: bool,
    components: u8,
    quarters: u64,
}

impl Frame {
    fn read(marker: u8, segment: &[u8]) -> Option<Frame> {
        let components = *segment.get(5)?;
        let samplings: Vec<u64> = segment
            .get(6..)?
            .chunks_exact(3)
            .take(usize::from(components))
            .map(|component| u64::from(component[1] >> 4) * u64::from(component[1] & 15))
            .collect();
        // One coefficient is two bytes. The component with the most samples has one for each pixel.
        let most = samplings.iter().copied().max().filter(|most| *most > 0)?;
        let quarters = (8 * samplings.iter().sum::<u64>()).div_ceil(most);
        Some(Frame { in_one_scan: marker != 0xc2, components, quarters })
    }
}
