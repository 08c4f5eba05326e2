//! Avatars: what was uploaded is decoded and drawn anew, small, so that nothing
//! but the picture is kept. A phone's photo tells where it was taken.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use rand::{CryptoRng, RngExt};
use serde::{Deserialize, Serialize};

/// How large an upload may be, in bytes.
pub const UPLOAD_LIMIT: usize = 256 * 1024;

/// How wide and high an upload may be, in pixels: what takes 64 MB to decode.
const MOST_PIXELS: u32 = 4_096;

/// How wide and high an avatar is at most, in pixels; of one that is see-through
/// a quarter of that many, since its format does not get smaller by much.
const OPAQUE_SIDE: u32 = 512;
const TRANSPARENT_SIDE: u32 = 256;

/// The qualities of JPEG, of 100: the first whose file is small enough. Noise takes
/// half a megabyte at the first.
const QUALITIES: [u8; 4] = [85, 70, 50, 25];

/// How large a file is kept, in bytes: an item has at most 400 KB (DynamoDB's
/// quotas).
const KEPT: usize = 300 * 1024;

/// An avatar's identifier: 128 random bits, since whoever knows it sees the
/// picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AvatarId(String);

impl AvatarId {
    /// A new one.
    pub fn draw(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(format!("{:032x}", rng.random::<u128>()))
    }

    /// Reads one back. `None` if it was never one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(text.to_owned()))
    }

    /// The 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An avatar as it is kept: 300 KB at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avatar {
    /// Its format.
    pub format: Format,
    /// The file.
    pub bytes: Vec<u8>,
}

/// The formats that avatars are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Of pictures that cover all of their square.
    Jpeg,
    /// Of those that are see-through somewhere.
    Png,
}

impl Format {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }

    /// The format of a media type.
    pub fn of(media_type: &str) -> Option<Self> {
        [Self::Jpeg, Self::Png].into_iter().find(|format| format.media_type() == media_type)
    }
}

/// Why an upload is no avatar.
#[derive(Debug, thiserror::Error)]
pub enum AvatarError {
    /// Not one of the formats, whatever it says to be.
    #[error("the image must be a JPEG, a PNG or a WebP")]
    Format,
    /// Too many pixels to be decoded here.
    #[error("the image must be at most {MOST_PIXELS} by {MOST_PIXELS} pixels")]
    Pixels,
    /// Broken.
    #[error("the image cannot be decoded")]
    Broken,
}

impl Avatar {
    /// Makes an avatar of an upload: turned as the camera was held, cut to size,
    /// without any of its metadata.
    ///
    /// # Errors
    /// If it cannot be decoded within bounds.
    pub fn of_upload(upload: &[u8]) -> Result<Self, AvatarError> {
        let mut reader =
            ImageReader::new(Cursor::new(upload)).with_guessed_format().map_err(|_| AvatarError::Format)?;
        if !matches!(reader.format(), Some(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) {
            return Err(AvatarError::Format);
        }
        let mut limits = Limits::default();
        limits.max_image_width = Some(MOST_PIXELS);
        limits.max_image_height = Some(MOST_PIXELS);
        limits.max_alloc = Some(u64::from(MOST_PIXELS) * u64::from(MOST_PIXELS) * 8);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(|error| refused(&error))?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| refused(&error))?;
        picture.apply_orientation(orientation);
        Self::draw(&picture)
    }

    fn draw(picture: &DynamicImage) -> Result<Self, AvatarError> {
        let fitted = |side| {
            if picture.width() <= side && picture.height() <= side {
                picture.clone()
            } else {
                picture.thumbnail(side, side)
            }
        };
        let opaque = fitted(OPAQUE_SIDE);
        let mut bytes = Vec::new();
        if opaque.color().has_alpha() && opaque.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX) {
            let picture = fitted(TRANSPARENT_SIDE).to_rgba8();
            picture
                .write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)
                .map_err(|error| refused(&error))?;
            return Ok(Self { format: Format::Png, bytes });
        }
        let opaque = opaque.to_rgb8();
        for quality in QUALITIES {
            bytes.clear();
            let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
            opaque.write_with_encoder(encoder).map_err(|error| refused(&error))?;
            if bytes.len() <= KEPT {
                break;
            }
        }
        Ok(Self { format: Format::Jpeg, bytes })
    }
}

fn refused(error: &image::ImageError) -> AvatarError {
    match error {
        image::ImageError::Limits(_) => AvatarError::Pixels,
        _ => AvatarError::Broken,
    }
}

#[cfg(test)]
mod tests {
    use image::{GenericImageView, Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    /// Left half red, right half blue.
    fn two_halves(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(
            width,
            height,
            |x, _| if x < width / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) },
        )
        .into()
    }

    /// A JPEG with what a phone adds: the camera held sideways (orientation 6),
    /// a place, and a comment.
    fn photo() -> Vec<u8> {
        let plain = encoded(&two_halves(64, 32), ImageFormat::Jpeg);
        // TIFF, big-endian: one entry, tag 0x0112 (orientation) is 6; then a text.
        let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
        exif.extend(b"GPS 59.9343 N 30.3351 E");
        let segment = |marker: u8, content: &[u8]| {
            let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
            [&[0xff, marker][..], &length, content].concat()
        };
        [&plain[..2], &segment(0xe1, &exif), &segment(0xfe, b"a comment: secret place"), &plain[2..]].concat()
    }

    #[test]
    fn nothing_but_the_picture_is_kept_and_it_stands_upright() {
        let upload = photo();
        let contains = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(contains(&upload, b"GPS 59") && contains(&upload, b"secret place"));
        let avatar = Avatar::of_upload(&upload).unwrap();
        assert_eq!(avatar.format, Format::Jpeg);
        for left in [&b"GPS"[..], b"secret", b"Exif"] {
            assert!(!contains(&avatar.bytes, left));
        }
        // Held sideways: what was left is above now.
        let picture = image::load_from_memory(&avatar.bytes).unwrap();
        assert_eq!(picture.dimensions(), (32, 64));
        let (above, below) = (picture.get_pixel(16, 8), picture.get_pixel(16, 56));
        assert!(above.0[0] > 200 && below.0[2] > 200, "{above:?} {below:?}");
    }

    #[test]
    fn every_format_becomes_small_and_keeps_its_shape() {
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let avatar = Avatar::of_upload(&encoded(&two_halves(2_000, 1_000), format)).unwrap();
            let picture = image::load_from_memory(&avatar.bytes).unwrap();
            assert_eq!((avatar.format, picture.dimensions()), (Format::Jpeg, (512, 256)), "{format:?}");
            assert!(avatar.bytes.len() < 50_000, "{}", avatar.bytes.len());
        }
        let small = Avatar::of_upload(&encoded(&two_halves(20, 10), ImageFormat::Png)).unwrap();
        assert_eq!(image::load_from_memory(&small.bytes).unwrap().dimensions(), (20, 10));
    }

    #[test]
    fn what_is_see_through_stays_so_and_fits_an_item() {
        let mut seed = 1u32;
        // Noise, the worst case: it does not get smaller by compressing.
        let noise = RgbaImage::from_fn(400, 400, |_, _| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Rgba(seed.to_be_bytes())
        });
        let avatar = Avatar::draw(&noise.into()).unwrap();
        assert_eq!(avatar.format, Format::Png);
        assert!(avatar.bytes.len() < 300_000, "{}", avatar.bytes.len());
        assert_eq!(image::load_from_memory(&avatar.bytes).unwrap().dimensions(), (256, 256));
    }

    #[test]
    fn noise_without_gaps_fits_an_item_too() {
        let mut seed = 1u32;
        let noise = RgbImage::from_fn(512, 512, |_, _| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Eight colours, so that the upload is small.
            Rgb([31, 30, 29].map(|bit| if seed >> bit & 1 == 0 { 0 } else { 255 }))
        });
        let avatar = Avatar::draw(&noise.into()).unwrap();
        assert_eq!(avatar.format, Format::Jpeg);
        assert!(avatar.bytes.len() <= KEPT, "{}", avatar.bytes.len());
    }

    #[test]
    fn bombs_and_junk_are_refused() {
        // A PNG that says to be of 65,535 by 65,535 pixels, of one IHDR chunk.
        let mut bomb = encoded(&two_halves(8, 8), ImageFormat::Png);
        bomb[16..24].copy_from_slice(&[0, 0, 255, 255, 0, 0, 255, 255]);
        let checksum = crc(&bomb[12..29]).to_be_bytes();
        bomb[29..33].copy_from_slice(&checksum);
        assert!(matches!(Avatar::of_upload(&bomb), Err(AvatarError::Pixels)));
        let large = encoded(&DynamicImage::new_luma8(4_097, 1), ImageFormat::Png);
        assert!(matches!(Avatar::of_upload(&large), Err(AvatarError::Pixels)));
        assert!(Avatar::of_upload(&encoded(&DynamicImage::new_luma8(4_096, 1), ImageFormat::Png)).is_ok());
        for junk in [&b""[..], b"GIF89a\x01\0\x01\0", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"hello"]
        {
            assert!(matches!(Avatar::of_upload(junk), Err(AvatarError::Format)));
        }
        let whole = photo();
        for cut in [10, 100, whole.len() / 2] {
            assert!(Avatar::of_upload(&whole[..cut]).is_err(), "{cut}");
        }
    }

    /// CRC-32 of a PNG chunk (RFC 2083, appendix 15).
    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8)
                .fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        })
    }
}
