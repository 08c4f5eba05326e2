//! What people type, paste and dictate, as what it stands for: keyboards, contact books
//! and messengers put in digits of their own script, wide forms and marks that nobody sees.

use unicode_normalization::UnicodeNormalization;

/// Where the decimal digits of each script begin; nine more follow (Unicode 14, general
/// category Nd).
const ZEROS: [char; 65] = [
    '\u{660}',
    '\u{6f0}',
    '\u{7c0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{de6}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17e0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19d0}',
    '\u{1a80}',
    '\u{1a90}',
    '\u{1b50}',
    '\u{1bb0}',
    '\u{1c40}',
    '\u{1c50}',
    '\u{a620}',
    '\u{a8d0}',
    '\u{a900}',
    '\u{a9d0}',
    '\u{a9f0}',
    '\u{aa50}',
    '\u{abf0}',
    '\u{ff10}',
    '\u{104a0}',
    '\u{10d30}',
    '\u{11066}',
    '\u{110f0}',
    '\u{11136}',
    '\u{111d0}',
    '\u{112f0}',
    '\u{11450}',
    '\u{114d0}',
    '\u{11650}',
    '\u{116c0}',
    '\u{11730}',
    '\u{118e0}',
    '\u{11950}',
    '\u{11c50}',
    '\u{11d50}',
    '\u{11da0}',
    '\u{16a60}',
    '\u{16ac0}',
    '\u{16b50}',
    '\u{1d7ce}',
    '\u{1d7d8}',
    '\u{1d7e2}',
    '\u{1d7ec}',
    '\u{1d7f6}',
    '\u{1e140}',
    '\u{1e2f0}',
    '\u{1e950}',
    '\u{1fbf0}',
];

/// What was typed, in Unicode's compatibility form (NFKC), each decimal digit in ASCII,
/// without marks that are not seen and without blanks and line ends around it. Numbers that
/// are no digits stay as they are: a small ¹ behind a number is a note, not its end.
pub fn plain(typed: &str) -> String {
    let mut plain = String::with_capacity(typed.len());
    for c in typed.chars().filter(|c| !is_unseen(*c)) {
        match digit(c) {
            Some(digit) => plain.push(digit),
            None if c.is_numeric() => plain.push(c),
            None => plain.extend(std::iter::once(c).nfkc()),
        }
    }
    plain.trim().to_owned()
}

/// Soft hyphens, joiners, marks of direction and of the beginning of a file.
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn digit(c: char) -> Option<char> {
    let zero = ZEROS.iter().find(|zero| (0..10).contains(&(c as i64 - **zero as i64)))?;
    char::from_digit(c as u32 - *zero as u32, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_what_it_stands_for() {
        for (typed, expected) in [
            ("  12 34\n", "12 34"),
            ("１２３４", "1234"),
            ("١٢٣٤", "1234"),
            ("۱۲۳۴", "1234"),
            ("१२३४", "1234"),
            ("𝟏𝟐𝟑𝟒", "1234"),
            ("\u{1e954}", "4"),
            ("\u{202d}12\u{200b}34\u{202c}", "1234"),
            ("\u{feff}12\u{ad}34", "1234"),
            ("＋（１）－", "+(1)-"),
            ("\u{3000}1\u{a0}2\u{3000}", "1 2"),
            ("1234¹", "1234¹"),
            ("①½", "①½"),
            ("", ""),
        ] {
            assert_eq!(plain(typed), expected, "{typed:?}");
        }
    }

    /// Each list of ten is one, and no list has a digit of another.
    #[test]
    fn digits_are_ten_of_each() {
        for zero in ZEROS {
            let values: String = (0..10).filter_map(|n| digit(char::from_u32(zero as u32 + n)?)).collect();
            assert_eq!(values, "0123456789", "{zero:?}");
            assert_eq!(digit(char::from_u32(zero as u32 - 1).unwrap()).filter(|of| *of == '0'), None);
        }
    }
}
