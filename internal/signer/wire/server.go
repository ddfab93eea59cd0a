// Package wire carries signer.Keys over gRPC: the client of a process that has
// the keys, and its server. Nothing else of the node sees the generated types.
//
// Both sides know each other by certificates that were exchanged by hand; see
// Pair. The server believes nothing that it reads: every message has a bound,
// and what is to be signed is judged by the Keys that it serves.
package wire

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"github.com/btcsuite/btcd/btcec/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	signerv1 "github.com/kofo-network/kofo/api/gen/kofo/signer/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/signer"
)

const (
	// maxMessage bounds a message: a PSBT of a standard transaction.
	maxMessage = 2 << 20
	maxStreams = 16
	// stopPatience is how long calls at work may take when the server ends.
	stopPatience = 5 * time.Second
)

// Served are keys that can also be described.
type Served interface {
	signer.Keys
	XPub(chain htlc.ChainID) (string, error)
	LegKey(salt htlc.Salt, role bitcoin.Role, leg int) (*btcec.PublicKey, error)
}

// Server answers one node.
type Server struct {
	signerv1.UnimplementedSignerServiceServer
	keys  Served
	rules protovalidate.Validator
	log   *slog.Logger
	grpc  *grpc.Server
}

// NewServer serves keys to whoever shows the certificate of node.
func NewServer(keys Served, own Pair, node []byte, log *slog.Logger) (*Server, error) {
	config, err := own.server(node)
	if err != nil {
		return nil, err
	}
	rules, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("rules of the protos: %w", err)
	}
	s := &Server{keys: keys, rules: rules, log: log}
	s.grpc = grpc.NewServer(
		grpc.Creds(credentials.NewTLS(config)), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxConcurrentStreams(maxStreams),
		grpc.UnaryInterceptor(s.guard),
	)
	signerv1.RegisterSignerServiceServer(s.grpc, s)
	return s, nil
}

// Serve answers until ctx ends, and closes the listener. It serves once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	done := make(chan error, 1)
	go func() { done <- s.grpc.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("signer: %w", err)
	case <-ctx.Done():
	}
	timer := time.AfterFunc(stopPatience, s.grpc.Stop)
	s.grpc.GracefulStop()
	timer.Stop()
	if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("signer: %w", err)
	}
	return nil
}

// guard checks the message, and tells of an error no more than its text. What
// was signed, or not, is in the log.
func (s *Server) guard(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if m, ok := req.(proto.Message); ok {
		if err := s.rules.Validate(m); err != nil {
			return nil, reason.Error(reason.InvalidArgument, err.Error(), nil)
		}
	}
	out, err := handle(ctx, req)
	if err == nil {
		s.log.InfoContext(ctx, "signer answered", "method", info.FullMethod)
		return out, nil
	}
	s.log.WarnContext(ctx, "signer refused", "method", info.FullMethod, "error", err)
	if reason.Carried(err) {
		return nil, err
	}
	var e *adapters.Error
	if errors.As(err, &e) && e.Reason == signer.ReasonRefused {
		return nil, reason.Error(reason.SignerRefused, strings.TrimPrefix(e.Err.Error(), signer.ErrRefused.Error()+": "), nil)
	}
	return nil, reason.Error(reason.Internal, err.Error(), nil)
}

// Describe gives what never changes.
func (s *Server) Describe(_ context.Context, req *signerv1.DescribeRequest) (*signerv1.DescribeResponse, error) {
	party := s.keys.Identity().PartyID()
	out := &signerv1.DescribeResponse{Party: party[:]}
	for _, chain := range req.GetBitcoinChains() {
		xpub, err := s.keys.XPub(htlc.ChainID(chain))
		if err != nil {
			return nil, err
		}
		out.Accounts = append(out.Accounts, &signerv1.Account{Chain: chain, Xpub: xpub})
	}
	account, err := s.keys.EVM()
	if err != nil {
		return nil, err
	}
	out.EvmAddress = account.Address().Bytes()
	return out, nil
}

// StorageKeys gives the keys of what the node stores.
func (s *Server) StorageKeys(ctx context.Context, _ *signerv1.StorageKeysRequest) (*signerv1.StorageKeysResponse, error) {
	keys, err := s.keys.Storage(ctx)
	if err != nil {
		return nil, err
	}
	seal, recovery := keys.Reveal()
	return &signerv1.StorageKeysResponse{Seal: seal[:], Recovery: recovery[:]}, nil
}

// LegKey gives a public key. It is the same on every chain of the family.
func (s *Server) LegKey(_ context.Context, req *signerv1.LegKeyRequest) (*signerv1.LegKeyResponse, error) {
	key, err := s.keys.LegKey(htlc.Salt(req.GetSalt()), bitcoin.Role(req.GetRole()), int(req.GetLeg()))
	if err != nil {
		return nil, err
	}
	return &signerv1.LegKeyResponse{Key: key.SerializeCompressed()}, nil
}

// SignOffer signs an offer.
func (s *Server) SignOffer(ctx context.Context, req *signerv1.SignOfferRequest) (*signerv1.SignOfferResponse, error) {
	o, err := htlc.DecodeOffer(req.GetOffer())
	if err != nil {
		return nil, unreadable(err)
	}
	signature, err := s.keys.Identity().SignOffer(ctx, o)
	return &signerv1.SignOfferResponse{Signature: signature[:]}, err
}

// SignTerms signs Terms.
func (s *Server) SignTerms(ctx context.Context, req *signerv1.SignTermsRequest) (*signerv1.SignTermsResponse, error) {
	t, err := htlc.DecodeTerms(req.GetTerms())
	if err != nil {
		return nil, unreadable(err)
	}
	signature, err := s.keys.Identity().SignTerms(ctx, t)
	return &signerv1.SignTermsResponse{Signature: signature[:]}, err
}

// SignHandshake signs what TLS wants signed.
func (s *Server) SignHandshake(_ context.Context, req *signerv1.SignHandshakeRequest) (*signerv1.SignHandshakeResponse, error) {
	signature, err := s.keys.Identity().TLS().Sign(nil, req.GetContent(), crypto.Hash(0))
	return &signerv1.SignHandshakeResponse{Signature: signature}, err
}

// SecretHash gives the hash of a secret.
func (s *Server) SecretHash(ctx context.Context, req *signerv1.SecretHashRequest) (*signerv1.SecretHashResponse, error) {
	hash, err := s.keys.Secrets().Hash(ctx, htlc.Salt(req.GetSalt()))
	return &signerv1.SecretHashResponse{Hash: hash[:]}, err
}

// RevealSecret gives a secret.
func (s *Server) RevealSecret(ctx context.Context, req *signerv1.RevealSecretRequest) (*signerv1.RevealSecretResponse, error) {
	t, err := htlc.DecodeTerms(req.GetTerms())
	if err != nil {
		return nil, unreadable(err)
	}
	secret, err := s.keys.Secrets().Secret(ctx, t)
	if err != nil {
		return nil, err
	}
	raw := secret.Reveal()
	return &signerv1.RevealSecretResponse{Secret: raw[:]}, nil
}

// SignPSBT signs a transaction of the Bitcoin family.
func (s *Server) SignPSBT(ctx context.Context, req *signerv1.SignPSBTRequest) (*signerv1.SignPSBTResponse, error) {
	ask := bitcoin.SignRequest{
		Chain: htlc.ChainID(req.GetChain()), Purpose: bitcoin.SignPurpose(req.GetPurpose()), Leg: int(req.GetLeg()), PSBT: req.GetPsbt(),
	}
	if len(req.GetTerms()) > 0 {
		t, err := htlc.DecodeTerms(req.GetTerms())
		if err != nil {
			return nil, unreadable(err)
		}
		ask.Terms = &t
	}
	wallet, err := s.keys.Bitcoin(ask.Chain)
	if err != nil {
		return nil, err
	}
	signed, err := wallet.SignPSBT(ctx, ask)
	return &signerv1.SignPSBTResponse{Psbt: signed}, err
}

// SignTransaction signs an EIP-1559 transaction.
func (s *Server) SignTransaction(ctx context.Context, req *signerv1.SignTransactionRequest) (*signerv1.SignTransactionResponse, error) {
	account, err := s.keys.EVM()
	if err != nil {
		return nil, err
	}
	signature, err := account.SignTransaction(ctx, req.GetPayload())
	return &signerv1.SignTransactionResponse{Signature: signature}, err
}

// SignConsent signs EIP-712 data.
func (s *Server) SignConsent(ctx context.Context, req *signerv1.SignConsentRequest) (*signerv1.SignConsentResponse, error) {
	t, err := htlc.DecodeTerms(req.GetTerms())
	if err != nil {
		return nil, unreadable(err)
	}
	account, err := s.keys.EVM()
	if err != nil {
		return nil, err
	}
	signature, err := account.SignConsent(ctx, t, int(req.GetLeg()))
	return &signerv1.SignConsentResponse{Signature: signature}, err
}

func unreadable(err error) error { return reason.Error(reason.InvalidArgument, err.Error(), nil) }
