% SPDX-License-Identifier: MIT
% score.ly: a few bars for two staves, with words, slurs, a music function and a markup.
% The variable rounds is set before.
\version "2.24.0"
\header { tagline = ##f title = "Round" }
#(define (transposed music n)
   (make-music 'SequentialMusic 'elements
     (map (lambda (i) (ly:music-transpose (ly:music-deep-copy music) (ly:make-pitch 0 i 0)))
          (iota n))))
steps = #(define-music-function (n music) (index? ly:music?) (transposed music n))
theme = \relative c' {
  c4( d e f) | g2 a8 b c d | <c, e g>2.\f r4 | \tuplet 3/2 { e8\< f g } a4 g2\! }
\score {
  <<
    \new Staff \steps #rounds \theme
    \new Staff { \clef bass \steps #rounds { c2 g | c'4 b a g | f1 | g1 } }
  >>
  \layout { }
}
\markup \column { \italic "a line of text" #(number->string (expt 3 100)) }
