//! How does an uploaded picture become one that is safe to serve (SEC-107)?
//!
//! Nothing of the upload is kept but its pixels: it is decoded within bounds, turned upright, scaled down and encoded
//! anew, so that metadata, trailing bytes and second meanings are gone.

use image::metadata::Orientation;
mod darkroom;
mod memory;

#[cfg(test)]
mod tests;

pub use darkroom::{Darkroom, NotDeveloped};

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// Bounds of an upload and of what is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLimits {
    /// The upload, and what is made of it, in bytes.
    pub bytes: usize,
    /// Width and height of the upload, in pixels.
    pub side: u32,
    /// Width times height of the upload.
    pub pixels: u64,
    /// Memory for decoding, in bytes.
    pub memory: u64,
    /// Width and height of what is made of it, in pixels.
    pub side_kept: u32,
}

impl PictureLimits {
    /// SEC-107: 1 MiB, 4,096 pixels a side, 16 megapixels, 64 MiB; kept at 1,024 pixels a side.
    pub const DEFAULT: PictureLimits = PictureLimits {
        bytes: 1024 * 1024,
        side: 4096,
        pixels: 16_000_000,
        memory: 64 * 1024 * 1024,
        side_kept: 1024,
    };
}

impl Default for PictureLimits {
    fn default() -> PictureLimits {
        PictureLimits::DEFAULT
    }
}

/// A picture that we encoded ourselves.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// For `Content-Type`.
    pub media_type: &'static str,
    /// For its name, without the dot.
    pub extension: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}, {} bytes)", self.media_type, self.bytes.len())
    }
}

/// Why an upload is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureFlaw {
    /// More bytes than allowed.
    #[error("the file is too large")]
    TooManyBytes,
    /// Not a PNG, JPEG, WebP or GIF that can be decoded to its end.
    #[error("the file is not a picture that can be read")]
    NotAPicture,
    /// More pixels, or more memory to decode, than allowed.
    #[error("the picture is too large")]
    TooLarge,
}

/// Makes a safe picture of an upload. What it is, its first bytes say; a name or a declared type is never asked.
///
/// Takes up to some hundred milliseconds of one core: see [`Darkroom`].
///
/// # Errors
/// See [`PictureFlaw`].
pub fn reencode(bytes: &[u8], limits: &PictureLimits) -> Result<Picture, PictureFlaw> {
    if bytes.len() > limits.bytes {
        return Err(PictureFlaw::TooManyBytes);
    }
    let kind = Kind::of(bytes).ok_or(PictureFlaw::NotAPicture)?;
    let mut image = decode(bytes, kind, limits)?;
    let mut side = image.width().max(image.height());
    loop {
        let encoded = kind.encode(&image).map_err(|_| PictureFlaw::NotAPicture)?;
        if encoded.len() <= limits.bytes {
            return Ok(Picture {
                media_type: kind.media_type(),
                extension: kind.extension(),
                bytes: encoded,
            });
        }
        side = side * 3 / 4;
        if side == 0 {
            return Err(PictureFlaw::TooManyBytes);
        }
        image = fitted(image, side);
    }
}

/// The name under which a picture is served: 32 hexadecimal digits of chance. Nothing of the uploaded name is in it.
pub fn random_name(chance: [u8; 16], extension: &str) -> String {
    format!("{:032x}.{extension}", u128::from_be_bytes(chance))
}

/// The formats we take; each is written as itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Png,
    Jpeg,
    WebP,
    Gif,
}

impl Kind {
    /// By the first bytes of the file.
    fn of(bytes: &[u8]) -> Option<Kind> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Kind::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Kind::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Kind::Gif),
            _ => None,
        }
    }

    fn format(self) -> ImageFormat {
        match self {
            Kind::Png => ImageFormat::Png,
            Kind::Jpeg => ImageFormat::Jpeg,
            Kind::WebP => ImageFormat::WebP,
            Kind::Gif => ImageFormat::Gif,
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Kind::Png => "image/png",
            Kind::Jpeg => "image/jpeg",
            Kind::WebP => "image/webp",
            Kind::Gif => "image/gif",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Kind::Png => "png",
            Kind::Jpeg => "jpg",
            Kind::WebP => "webp",
            Kind::Gif => "gif",
        }
    }

    fn encode(self, image: &DynamicImage) -> Result<Vec<u8>, ImageError> {
        const JPEG_QUALITY: u8 = 85;
        /// Of 1 (best) to 30: a second of work saved for a difference that nobody sees in an avatar.
        const GIF_SPEED: i32 = 10;
        let mut out = Vec::new();
        match self {
            Kind::Png => image.write_to(&mut Cursor::new(&mut out), ImageFormat::Png)?,
            Kind::Jpeg => {
                let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, JPEG_QUALITY);
                image.write_with_encoder(encoder)?;
            }
            Kind::WebP => {
                image.write_with_encoder(image::codecs::webp::WebPEncoder::new_lossless(&mut out))?;
            }
            Kind::Gif => {
                let mut encoder = image::codecs::gif::GifEncoder::new_with_speed(&mut out, GIF_SPEED);
                encoder.encode_frame(image::Frame::new(image.to_rgba8()))?;
            }
        }
        Ok(out)
    }
}

/// Decodes the first frame, upright. The bounds are checked against the header, before any pixel is.
fn decode(bytes: &[u8], kind: Kind, limits: &PictureLimits) -> Result<DynamicImage, PictureFlaw> {
    let mut bounds = Limits::no_limits();
    bounds.max_image_width = Some(limits.side);
    bounds.max_image_height = Some(limits.side);
    // For what stands before the pixels: compressed profiles and texts of a PNG.
    bounds.max_alloc = Some(limits.memory / 16);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), kind.format());
    reader.limits(bounds.clone());
    let mut decoder = reader.into_decoder().map_err(flaw)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > limits.pixels {
        return Err(PictureFlaw::TooLarge);
    }
    let beside = memory::beside_pixels(bytes, kind, pixels)?;
    bounds.max_alloc = Some(limits.memory);
    bounds.reserve(decoder.total_bytes().saturating_add(beside)).map_err(flaw)?;
    decoder.set_limits(bounds).map_err(flaw)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(flaw)?;
    let mut image = fitted(image, limits.side_kept);
    image.apply_orientation(orientation);
    Ok(image)
}

fn flaw(error: ImageError) -> PictureFlaw {
    match error {
        ImageError::Limits(_) => PictureFlaw::TooLarge,
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::Unsupported(_)
        | ImageError::IoError(_) => PictureFlaw::NotAPicture,
    }
}

/// Eight bits a channel, at most `side` pixels wide and high.
fn fitted(image: DynamicImage, side: u32) -> DynamicImage {
    let small = scaled(image, side);
    if small.color().has_alpha() { small.into_rgba8().into() } else { small.into_rgb8().into() }
}

/// A large picture is halved roughly first: the fine filter would need many times the memory of its pixels.
fn scaled(image: DynamicImage, side: u32) -> DynamicImage {
    let longest = image.width().max(image.height());
    if longest <= side {
        return image;
    }
    if longest > 2 * side {
        let rough = image.thumbnail(2 * side, 2 * side);
        drop(image);
        return rough.resize(side, side, FilterType::Triangle);
    }
    image.resize(side, side, FilterType::Triangle)
}
