package devnet

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/kofo-network/kofo/internal/devnet/bitcoinchain"
	"github.com/kofo-network/kofo/internal/devnet/control"
	"github.com/kofo-network/kofo/internal/devnet/evmchain"
)

const (
	controlReadTimeout  = 10 * time.Second
	controlCloseTimeout = 5 * time.Second
	maxControlBytes     = 4 << 20
)

// controlServer serves the control API.
type controlServer struct {
	net   *Network
	addr  string
	token control.Credential
	hash  [sha256.Size]byte
	http  *http.Server
	done  chan struct{}
}

func startControl(n *Network, listen string) (*controlServer, error) {
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%w: listen address %q is not loopback", ErrBadRequest, listen)
	}
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return nil, fmt.Errorf("devnet: token: %w", err)
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("devnet: listen: %w", err)
	}
	token := hex.EncodeToString(raw[:])
	s := &controlServer{
		net:   n,
		addr:  listener.Addr().String(),
		token: control.Credential(token),
		hash:  sha256.Sum256([]byte("Bearer " + token)),
		done:  make(chan struct{}),
	}
	s.http = &http.Server{Handler: s.authorized(s.routes()), ReadTimeout: controlReadTimeout}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("control server ended", "err", err)
		}
	}()
	return s, nil
}

func (s *controlServer) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), controlCloseTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.done
	return err
}

func (s *controlServer) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		if subtle.ConstantTimeCompare(given[:], s.hash[:]) != 1 {
			s.write(w, http.StatusUnauthorized, control.Error{Reason: control.ReasonUnauthorized, Message: "wrong or missing token"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *controlServer) routes() http.Handler {
	n, mux := s.net, http.NewServeMux()
	mux.Handle("GET "+control.PathStatus, handle(s, func(context.Context, *control.Empty) (control.Status, error) { return n.status(), nil }))
	mux.Handle("POST "+control.PathBitcoinMine, handle(s, n.serveBitcoinMine))
	mux.Handle("POST "+control.PathBitcoinPay, handle(s, n.serveBitcoinPay))
	mux.Handle("POST "+control.PathBitcoinReorg, handle(s, n.serveBitcoinReorg))
	mux.Handle("POST "+control.PathEVMMine, handle(s, n.serveEVMMine))
	mux.Handle("POST "+control.PathEVMPay, handle(s, n.serveEVMPay))
	mux.Handle("POST "+control.PathEVMReorg, handle(s, n.serveEVMReorg))
	mux.Handle("POST "+control.PathAdvance, handle(s, n.serveAdvance))
	mux.Handle("POST "+control.PathMining, handle(s, n.serveMining))
	return mux
}

// handle decodes, calls and encodes.
func handle[Req, Resp any](s *controlServer, call func(context.Context, *Req) (Resp, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBytes))
		if err != nil {
			s.refuse(w, fmt.Errorf("%w: %w", ErrBadRequest, err))
			return
		}
		req, err := decode[Req](body)
		if err != nil {
			s.refuse(w, err)
			return
		}
		resp, err := call(r.Context(), req)
		if err != nil {
			s.refuse(w, err)
			return
		}
		s.write(w, http.StatusOK, resp)
	})
}

// decode reads one object; a name that it does not know is a mistake of the
// scenario and refused.
func decode[Req any](body []byte) (*Req, error) {
	req := new(Req)
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(req); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	return req, nil
}

func (s *controlServer) refuse(w http.ResponseWriter, err error) {
	code, reason := http.StatusInternalServerError, control.ReasonInternal
	switch {
	case errors.Is(err, ErrBadRequest), errors.Is(err, bitcoinchain.ErrBadRequest), errors.Is(err, evmchain.ErrBadRequest):
		code, reason = http.StatusBadRequest, control.ReasonBadRequest
	case errors.Is(err, evmchain.ErrFinalized):
		code, reason = http.StatusConflict, control.ReasonFinalized
	case errors.Is(err, bitcoinchain.ErrInsufficientFunds):
		code, reason = http.StatusConflict, control.ReasonInsufficientFunds
	}
	s.write(w, code, control.Error{Reason: reason, Message: err.Error()})
}

func (s *controlServer) write(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.net.log.Debug("control reply not sent", "err", err)
	}
}

// hexScript reads "script:" and hexadecimal.
func hexScript(text string) (script []byte, ok bool, err error) {
	digits, ok := strings.CutPrefix(text, "script:")
	if !ok {
		return nil, false, nil
	}
	script, err = hex.DecodeString(digits)
	if err != nil || len(script) == 0 {
		return nil, true, fmt.Errorf("%w: script %q", ErrBadRequest, digits)
	}
	return script, true, nil
}
