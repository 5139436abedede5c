;; SPDX-License-Identifier: MIT
;; certificates.scm: for Guile with GnuTLS: certificates and keys, each an object of C
;; with a finalizer. Arguments: a certificate, rounds.
(use-modules (gnutls) (ice-9 binary-ports) (rnrs bytevectors))
(define arguments (cdr (command-line)))
(define text (call-with-input-file (car arguments) get-bytevector-all))
(define (import) (import-x509-certificate text x509-certificate-format/pem))
(define kept (import))
(let loop ((round (string->number (cadr arguments))) (all 0))
  (if (> round 0)
      (loop (- round 1)
            (+ all (string-length (x509-certificate-dn (import)))
               (bytevector-length (x509-certificate-key-id (import)))))
      (begin (display all) (newline))))
(gc)
(display (x509-certificate-dn kept))
(newline)
